/**
 * The compiled WASM module as the compiler prints it (dist/keymill.wat), function by function: what each of them branches on, divides
 * and calls. Functions that were inlined are part of those that called them.
 */

export interface WatFunction {
  /** The path of the source file and the name in it, `wasm/aes/expandKey`. */
  readonly name: string;
  /** `if`, `br_if` and `br_table`, but for the conditions that loops begin or end with. */
  readonly branches: number;
  readonly loops: number;
  /** Integer divisions and remainders. */
  readonly divisions: number;
  readonly selects: number;
  readonly hasVectorsOrFloats: boolean;
  /** Names of the functions it calls. */
  readonly calls: ReadonlySet<string>;
  /** Calls through the function table. */
  readonly indirectCalls: number;
}

interface Construct {
  readonly keyword: string;
  readonly label: string | undefined;
  last: string;
}

/** Counts branches by following the nesting: what ends in a jump to the beginning of a loop around it is that loop's condition. */
function countBranches(instructions: readonly string[]): { branches: number; loops: number } {
  const open: Construct[] = [];
  let branches = 0;
  let loops = 0;
  const isLoop = (label: string | undefined): boolean =>
    open.some((construct) => construct.keyword === 'loop' && construct.label === label);
  for (const instruction of instructions) {
    const [keyword = '', operand] = instruction.split(' ');
    if (keyword === 'end') {
      const { keyword: ended, last } = open.pop()!;
      const [jump, target] = last.split(' ');
      if (ended === 'if' && !(jump === 'br' && isLoop(target))) branches++;
    } else if (keyword === 'br_table' || (keyword === 'br_if' && !isLoop(operand))) {
      branches++;
    }
    const innermost = open.at(-1);
    if (innermost !== undefined) innermost.last = instruction;
    if (keyword === 'block' || keyword === 'loop' || keyword === 'if') {
      if (keyword === 'loop') loops++;
      open.push({ keyword, label: operand, last: '' });
    }
  }
  return { branches, loops };
}

function readFunction(text: string): WatFunction {
  const [head = '', ...lines] = text.split('\n');
  const instructions = lines.map((line) => line.trim()).filter((line) => /^[a-z]/.test(line));
  const count = (pattern: RegExp): number => instructions.filter((instruction) => pattern.test(instruction)).length;
  return {
    name: /^[^\s()]+/.exec(head)![0],
    ...countBranches(instructions),
    divisions: count(/^i(32|64)\.(div|rem)_/),
    selects: count(/^select\b/),
    hasVectorsOrFloats: count(/^(v128|[if]\d+x\d+|f32|f64)\./) > 0,
    calls: new Set(instructions.flatMap((instruction) => /^call \$(\S+)$/.exec(instruction)?.[1] ?? [])),
    indirectCalls: count(/^call_indirect\b/),
  };
}

/** Every function of the module, by name. */
export function readWat(text: string): Map<string, WatFunction> {
  const [, ...functions] = text.split(/^ \(func \$/m);
  return new Map(functions.map(readFunction).map((read) => [read.name, read]));
}
