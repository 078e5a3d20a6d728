/** Requests that are wrong in some way, chosen by a seeded generator. */
import { OPERATIONS } from '../../src/kms/index.ts';
import type { ReceivedRequest } from '../../src/server/authenticate.ts';

export interface Malformed {
  /** What is wrong, for a message. */
  readonly kind: string;
  readonly target: string;
  readonly body: Uint8Array;
  /** Chance may have left it well-formed, so it may be answered. */
  readonly mayPass: boolean;
}

/** What some valid requests look like; none of them makes a key, or changes one that `keyId` does not name. */
const TEMPLATES: readonly (readonly [operation: string, input: (keyId: string) => object])[] = [
  ['Encrypt', (KeyId) => ({ KeyId, Plaintext: 'aGVsbG8=', EncryptionContext: { purpose: 'caf\u00e9' } })],
  ['Decrypt', (KeyId) => ({ KeyId, CiphertextBlob: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' })],
  ['DescribeKey', (KeyId) => ({ KeyId, GrantTokens: [] })],
  ['ListKeys', () => ({ Limit: 3 })],
  ['GenerateDataKey', (KeyId) => ({ KeyId, KeySpec: 'AES_256', DryRun: false })],
  ['TagResource', (KeyId) => ({ KeyId, Tags: [{ TagKey: 'a', TagValue: 'b' }] })],
  ['GenerateRandom', () => ({ NumberOfBytes: 16 })],
];

/** JSON that each type of member is not. */
const WRONG: Readonly<Record<string, readonly string[]>> = {
  string: ['1', 'true', '[]', '{}', '[null]'],
  enum: ['0', 'false', '["x"]', '{"x":1}'],
  integer: ['"1"', 'true', '1.5', '1e400', '[]', '{}'],
  boolean: ['1', '"true"', '[]', '{}'],
  blob: ['1', 'true', '[]', '{}', '"a"', '"aGk"', '"aGk=\\n"', '"\u00e9"', '[104,105]'],
  time: ['"now"', 'true', '[]', '{}'],
  list: ['1', '"x"', 'true', '{}', '{"0":"x"}'],
  map: ['1', '"x"', 'true', '[]', '{"a":1}', '{"a":{}}'],
  structure: ['1', '"x"', 'true', '[]'],
};

const MAX_DEPTH = 16;

export class Malformer {
  readonly #next: () => number;
  readonly #keyId: string;
  readonly #kinds: readonly (() => Malformed)[];

  /** `next` gives numbers from 0 to 1; `keyId` is a key that valid parts may name. */
  constructor(next: () => number, keyId: string) {
    this.#next = next;
    this.#keyId = keyId;
    this.#kinds = [
      () => this.#wrongType(),
      () => this.#mutatedJson(),
      () => this.#noJson(),
      () => this.#unknownOperation(),
      () => this.#nothingGiven(),
      () => this.#twoReaders(),
      () => this.#anyMembers(),
    ];
  }

  below = (limit: number): number => Math.floor(this.#next() * limit);
  pick = <T>(values: readonly T[]): T => values[this.below(values.length)]!;
  bytes = (maxBytes: number): Buffer =>
    Buffer.from(Array.from({ length: this.below(maxBytes) }, () => this.below(256)));

  request(): Malformed {
    return this.pick(this.#kinds)();
  }

  /** One to four edits: a bit flipped, bytes taken out, put in, repeated or cut off. */
  mutate(original: Uint8Array): Buffer {
    let bytes = Buffer.from(original);
    for (let edits = 1 + this.below(4); edits > 0; edits--) {
      const at = this.below(bytes.length + 1);
      const end = at + 1 + this.below(4);
      const edit = this.below(5);
      if (edit === 0 && at < bytes.length) bytes[at]! ^= 1 << this.below(8);
      else if (edit === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
      else if (edit === 2) bytes = Buffer.concat([bytes.subarray(0, at), this.bytes(5), bytes.subarray(at)]);
      else if (edit === 3) bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
      else if (edit === 4 && this.below(8) === 0) bytes = bytes.subarray(0, at);
    }
    return bytes;
  }

  /** A signed request with something changed that the signature vouches for. */
  forged(request: ReceivedRequest): ReceivedRequest {
    const at = this.below(request.headers.length);
    const replaced = (index: number, pair?: readonly [string, string]) =>
      request.headers.flatMap((header, i) => (i === index ? (pair === undefined ? [] : [pair]) : [header]));
    const [name, value] = request.headers[at]!;
    const kinds: readonly (() => Partial<ReceivedRequest>)[] = [
      () => ({ headers: replaced(at) }),
      () => ({ headers: [...request.headers, [name, value]] }),
      () => ({ headers: replaced(at, [name, this.#alter(value)]) }),
      () => ({
        headers: replaced(request.headers.length - 1, ['authorization', this.#alter(request.headers.at(-1)![1])]),
      }),
      () => ({ headers: replaced(request.headers.length - 1, ['authorization', this.bytes(200).toString('latin1')]) }),
      () => ({ headers: [...request.headers, [`x-amz-${this.below(1000)}`, 'x']] }),
      () => ({ body: Buffer.concat([request.body, this.bytes(3), Buffer.of(32)]) }),
    ];
    return { ...request, ...this.pick(kinds)() };
  }

  /** One visible character become another. */
  #alter(text: string): string {
    const at = this.below(text.length);
    const old = text.charCodeAt(at);
    const other = 0x21 + ((old - 0x21 + 1 + this.below(93) + 94) % 94);
    return text.slice(0, at) + String.fromCharCode(other === old ? 0x21 : other) + text.slice(at + 1);
  }

  #wrongType(): Malformed {
    const operation = this.pick(Object.keys(OPERATIONS)) as keyof typeof OPERATIONS;
    const [name, { type }] = this.pick(Object.entries(OPERATIONS[operation].input));
    return malformed(`a wrong type for ${operation}.${name}`, operation, `{"${name}":${this.pick(WRONG[type]!)}}`);
  }

  #mutatedJson(): Malformed {
    const [operation, input] = this.pick(TEMPLATES);
    const body = this.mutate(Buffer.from(JSON.stringify(input(this.#keyId))));
    return { kind: `mutated ${operation}`, target: `TrentService.${operation}`, body, mayPass: isJson(body) };
  }

  #noJson(): Malformed {
    const body = this.bytes(300);
    return { kind: 'any bytes', target: `TrentService.${this.pick(TEMPLATES)[0]}`, body, mayPass: isJson(body) };
  }

  #unknownOperation(): Malformed {
    const name = this.pick([
      'Nonsense',
      '',
      'encrypt',
      'constructor',
      '__proto__',
      'toString',
      'Encrypt ',
      'Encrypt.Encrypt',
    ]);
    return malformed('an unknown operation', name, '{}');
  }

  #nothingGiven(): Malformed {
    const rows = Object.entries(OPERATIONS).filter(([, { input }]) =>
      Object.values(input).some((member) => member.required),
    );
    return malformed('required members absent', this.pick(rows)[0], this.pick(['{}', '{"x":1}', '{"KeyId":null}', '']));
  }

  /** What two readers of JSON could read differently, or what costs out of proportion. */
  #twoReaders(): Malformed {
    const texts = [
      '{"KeyId":"x","KeyId":"y"}',
      '{"KeyId":"x","Key\\u0049d":"y"}',
      '{"KeyId":"\\ud800"}',
      '[{"KeyId":"x"}]',
      '{"KeyId":"x"}{}',
      `${'{"a":'.repeat(MAX_DEPTH + 1)}1${'}'.repeat(MAX_DEPTH + 1)}`,
      '['.repeat(30_000),
      `{"a":[${'0,'.repeat(2000)}0]}`,
      '\ufeff{"KeyId":"x"}',
    ];
    return malformed('two readers', 'DescribeKey', this.pick(texts));
  }

  /** Members of any value, right or wrong. */
  #anyMembers(): Malformed {
    const operation = this.pick(Object.keys(OPERATIONS).filter((name) => name !== 'CreateKey'));
    const members = Object.keys(OPERATIONS[operation as keyof typeof OPERATIONS].input);
    const input = Object.fromEntries(
      members.filter(() => this.below(2) === 0).map((name) => [name, this.#anyValue(3)]),
    );
    return { ...malformed(`any members for ${operation}`, operation, JSON.stringify(input)), mayPass: true };
  }

  #anyValue(depth: number): unknown {
    const kind = this.below(depth === 0 ? 6 : 8);
    const scalars = [
      null,
      this.below(2) === 0,
      this.below(5000) - 100,
      this.#next() * 1e9,
      '',
      this.bytes(40).toString('base64'),
    ];
    if (kind < scalars.length) return scalars[kind];
    const values = Array.from({ length: this.below(4) }, () => this.#anyValue(depth - 1));
    return kind === 6 ? values : Object.fromEntries(values.map((value, i) => [`m${i}`, value]));
  }
}

function malformed(kind: string, operation: string, text: string): Malformed {
  return { kind, target: `TrentService.${operation}`, body: Buffer.from(text), mayPass: false };
}

/** As a reader of standard JSON in UTF-8 sees it. */
function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}
