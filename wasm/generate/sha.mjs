/**
 * Writes wasm/generated/sha{1,256,512}.ts: the compression functions of SHA-1 and SHA-2 (FIPS 180-4 section 6), all rounds of a block in one run
 * of code without loops. What a round and a step of the schedule are is in wasm/sha1_steps.ts and wasm/sha2_steps.ts.
 *
 * Why unrolled: the working variables change places every round. Written out, they change names instead, so none is moved; constants
 * need no pointer and rounds no counter, which leaves the registers to the variables. A loop over 16 rounds is much slower.
 *
 * The message schedule is made in vectors, as many words at a time as a vector holds, sixteen words ahead of the rounds and between
 * them: the vector units are idle otherwise. W + K goes through memory, since a round adds a word from memory for free and moving one
 * out of a vector is not.
 */
import { writeGenerated } from './write.mjs';

/** The names of the working variables in round t: each round moves them on by one place. */
const rotated = (names, t) =>
  names.map((_, place) => names[(((place - t) % names.length) + names.length) % names.length]);

const sha2 = (bits, lanes) => ({
  steps: '../sha2_steps',
  imports: ['Ch', 'Maj', `Sigma0_${bits}`, `Sigma1_${bits}`, `words${bits}`, `schedule${bits}`, `K${bits}`],
  name: `compressSha${bits}`,
  word: bits === 256 ? 'u32' : 'u64',
  lanes,
  rounds: bits === 256 ? 64 : 80,
  variables: [...'abcdefgh'],
  words: `words${bits}`,
  add: bits === 256 ? 'i32x4.add' : 'i64x2.add',
  constants: (vector) => `v128.load(K${bits}, ${16 * vector})`,
  /** W of a vector from those before it; \`v\` gives their names. */
  schedule: (n, v) =>
    bits === 256
      ? `schedule256(${v(n - 4)}, ${v(n - 3)}, ${v(n - 2)}, ${v(n - 1)})`
      : `schedule512(${v(n - 8)}, ${v(n - 7)}, ${v(n - 4)}, ${v(n - 3)}, ${v(n - 1)})`,
  /** Vectors the schedule looks back. */
  window: 16 / lanes,
  round: (wk, [a, b, c, d, e, f, g, h]) => [
    `t1 = ${wk} + ${h} + Ch(${e}, ${f}, ${g}) + Sigma1_${bits}(${e});`,
    `${d} += t1;`,
    `${h} = t1 + Maj(${a}, ${b}, ${c}) + Sigma0_${bits}(${a});`,
  ],
});

const SHA_1_FUNCTIONS = ['Ch', 'Parity', 'Maj', 'Parity'];
const sha1 = {
  steps: '../sha1_steps',
  imports: ['Ch', 'Maj', 'Parity', 'words', 'schedule16', 'schedule32', 'K'],
  name: 'compressSha1',
  word: 'u32',
  lanes: 4,
  rounds: 80,
  variables: [...'abcde'],
  words: 'words',
  add: 'i32x4.add',
  constants: (vector) => `v128.load(K, ${16 * Math.floor(vector / 5)})`,
  schedule: (n, v) =>
    n < 8
      ? `schedule16(${v(n - 4)}, ${v(n - 3)}, ${v(n - 2)}, ${v(n - 1)})`
      : `schedule32(${v(n - 8)}, ${v(n - 7)}, ${v(n - 4)}, ${v(n - 2)}, ${v(n - 1)})`,
  window: 8,
  round: (wk, [a, b, c, d, e], t) => [
    `${e} += ${wk} + ${SHA_1_FUNCTIONS[Math.floor(t / 20)]}(${b}, ${c}, ${d}) + rotl<u32>(${a}, 5);`,
    `${b} = rotl<u32>(${b}, 30);`,
  ],
};

function compression(hash) {
  const { word, lanes, rounds, variables } = hash;
  const wordBytes = word === 'u32' ? 4 : 8;
  const vectors = rounds / lanes;
  const firstVectors = 16 / lanes;
  const name = (n) => `v${n % hash.window}`;
  const store = (n) => `v128.store(WK, ${hash.add}(${name(n)}, ${hash.constants(n)}), ${16 * n});`;
  const lines = variables.map((variable, index) => `let ${variable} = load<${word}>(state, ${wordBytes * index});`);
  if (hash !== sha1) lines.push(`let t1: ${word};`);
  lines.push(...Array.from({ length: hash.window }, (_, index) => `let v${index}: v128;`));
  lines.push('for (; blocks; blocks--) {');
  for (let n = 0; n < firstVectors; n++) lines.push(`${name(n)} = ${hash.words}(data + ${16 * n});`, store(n));
  for (let vector = 0; vector < vectors; vector++) {
    const next = vector + firstVectors;
    for (let lane = 0; lane < lanes; lane++) {
      const t = vector * lanes + lane;
      lines.push(...hash.round(`load<${word}>(WK, ${wordBytes * t})`, rotated(variables, t), t));
      if (lane === lanes / 2 - 1 && next < vectors) {
        lines.push(`${name(next)} = ${hash.schedule(next, name)};`, store(next));
      }
    }
  }
  // All the names are back in their places here: the number of rounds is a multiple of the number of variables.
  for (const [index, variable] of variables.entries()) {
    const place = wordBytes * index;
    lines.push(`${variable} += load<${word}>(state, ${place});`, `store<${word}>(state, ${variable}, ${place});`);
  }
  lines.push(`data += ${16 * wordBytes};`, '}', `wipe(WK, ${rounds * wordBytes});`);
  return `export function ${hash.name}(state: usize, data: usize, blocks: usize): void {
  ${lines.join('\n  ')}
}
`;
}

const hashes = [sha1, sha2(256, 4), sha2(512, 2)];
for (const hash of hashes) {
  const text = [
    "import { wipe } from '../memory';",
    `import { ${hash.imports.join(', ')} } from '${hash.steps}';`,
    '',
    '/** W + K of every round. */',
    `const WK = memory.data(${hash.rounds * (hash.word === 'u32' ? 4 : 8)}, 16);`,
    '',
    compression(hash),
  ];
  writeGenerated(hash.name.replace('compressS', 's'), import.meta.url, text.join('\n'));
}
