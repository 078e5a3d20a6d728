/** Bytes as tests need them: made, compared by eye and damaged. */

export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(text, 'hex'));
  if (bytes.length * 2 !== text.length) throw new Error(`not hex: ${text.slice(0, 20)}`);
  return bytes;
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Byte i is (i + start) mod 251. 251 is prime, so no two blocks of a kernel hold the same bytes. */
export const pattern = (length: number, start = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index + start) % 251);

/** A copy with one bit inverted. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[bit >>> 3]! ^= 1 << (bit & 7);
  return copy;
}

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** Equal-sized items out of a packed buffer. */
export const unpack = (packed: Uint8Array, itemBytes: number): Uint8Array[] =>
  Array.from({ length: packed.length / itemBytes }, (_, index) =>
    packed.slice(index * itemBytes, (index + 1) * itemBytes),
  );
