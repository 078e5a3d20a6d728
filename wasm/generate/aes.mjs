/**
 * Writes wasm/generated/aes_planes.ts: the rounds of AES (FIPS 197) on bitsliced blocks, eight of them as eight planes of 128 bits, where
 * bit j of byte i in plane k is bit k of byte i of block j. Each function does one step for any number of such batches, one behind the other.
 *
 * Why a function a round, over batches: a round is a long chain of dependent operations, and the next round waits for its end. Another
 * batch does not, so that the processor begins with it meanwhile.
 *
 * Why four kinds of round: ShiftRows is left out (Adomnicai and Peyrin, "Fixslicing AES-like ciphers", IACR ePrint 2020/1123). What is
 * stored after round r is the state with the rows of r ShiftRows not shifted; S-box and key addition do not care where a byte is, and
 * MixColumns takes its bytes from where they are. Four ShiftRows are none, so there are four MixColumns.
 */
import { writeGenerated } from './write.mjs';

/**
 * The S-box: the circuit of Boyar and Peralta, "A depth-16 circuit for the AES S-box" (IACR ePrint 2011/332), whose names and order these
 * are: U0, the highest bit, to U7 in, S0 to S7 out. Its four negations are in the round keys instead. Their smallest circuit (2009/191)
 * has 13 operations less and a depth of 28, and is slower: vector operations take two cycles on recent processors.
 */
const S_BOX = `
  T1 = U0 + U3; T2 = U0 + U5; T3 = U0 + U6; T4 = U3 + U5; T5 = U4 + U6; T6 = T1 + T5; T7 = U1 + U2; T8 = U7 + T6
  T9 = U7 + T7; T10 = T6 + T7; T11 = U1 + U5; T12 = U2 + U5; T13 = T3 + T4; T14 = T6 + T11; T15 = T5 + T11
  T16 = T5 + T12; T17 = T9 + T16; T18 = U3 + U7; T19 = T7 + T18; T20 = T1 + T19; T21 = U6 + U7; T22 = T7 + T21
  T23 = T2 + T22; T24 = T2 + T10; T25 = T20 + T17; T26 = T3 + T16; T27 = T1 + T12
  M1 = T13 x T6; M2 = T23 x T8; M3 = T14 + M1; M4 = T19 x U7; M5 = M4 + M1; M6 = T3 x T16; M7 = T22 x T9
  M8 = T26 + M6; M9 = T20 x T17; M10 = M9 + M6; M11 = T1 x T15; M12 = T4 x T27; M13 = M12 + M11; M14 = T2 x T10
  M15 = M14 + M11; M16 = M3 + M2; M17 = M5 + T24; M18 = M8 + M7; M19 = M10 + M15; M20 = M16 + M13; M21 = M17 + M15
  M22 = M18 + M13; M23 = M19 + T25; M24 = M22 + M23; M25 = M22 x M20; M26 = M21 + M25; M27 = M20 + M21
  M28 = M23 + M25; M29 = M28 x M27; M30 = M26 x M24; M31 = M20 x M23; M32 = M27 x M31; M33 = M27 + M25
  M34 = M21 x M22; M35 = M24 x M34; M36 = M24 + M25; M37 = M21 + M29; M38 = M32 + M33; M39 = M23 + M30
  M40 = M35 + M36; M41 = M38 + M40; M42 = M37 + M39; M43 = M37 + M38; M44 = M39 + M40; M45 = M42 + M41; M46 = M44 x T6
  M47 = M40 x T8; M48 = M39 x U7; M49 = M43 x T16; M50 = M38 x T9; M51 = M37 x T17; M52 = M42 x T15; M53 = M45 x T27
  M54 = M41 x T10; M55 = M44 x T13; M56 = M40 x T23; M57 = M39 x T19; M58 = M43 x T3; M59 = M38 x T22; M60 = M37 x T20
  M61 = M42 x T1; M62 = M45 x T4; M63 = M41 x T2
  L0 = M61 + M62; L1 = M50 + M56; L2 = M46 + M48; L3 = M47 + M55; L4 = M54 + M58; L5 = M49 + M61; L6 = M62 + L5
  L7 = M46 + L3; L8 = M51 + M59; L9 = M52 + M53; L10 = M53 + L4; L11 = M60 + L2; L12 = M48 + M51; L13 = M50 + L0
  L14 = M52 + M61; L15 = M55 + L1; L16 = M56 + L0; L17 = M57 + L1; L18 = M58 + L8; L19 = M63 + L4; L20 = L0 + L1
  L21 = L1 + L7; L22 = L3 + L12; L23 = L18 + L2; L24 = L15 + L9; L25 = L6 + L10; L26 = L7 + L9; L27 = L8 + L10
  L28 = L11 + L14; L29 = L11 + L17
  S0 = L6 + L24; S1 = L16 + L26; S2 = L19 + L28; S3 = L6 + L21; S4 = L20 + L22; S5 = L25 + L29; S6 = L13 + L27
  S7 = L6 + L23`;

const PLANES = [0, 1, 2, 3, 4, 5, 6, 7];

/** The plane of U0 or S0 is 7. */
const planeName = (name) => name.replace(/^([US])(\d)$/, (_, letter, bit) => `${letter === 'U' ? 'q' : 's'}${7 - bit}`);
const substitute = S_BOX.trim()
  .split(/;\s*|\n\s*/)
  .map((gate) => {
    const [, result, left, sign, right] = /^(\w+) = (\w+) ([+x]) (\w+)$/.exec(gate);
    const operation = sign === '+' ? 'xor' : 'and';
    return `const ${planeName(result)} = v128.${operation}(${planeName(left)}, ${planeName(right)});`;
  });

// ---- Permutations of a block's bytes, as the places that bytes come from; byte r + 4c is row r, column c ----

const places = Array.from({ length: 16 }, (_, place) => place);
const SHIFT_ROWS = places.map((place) => (place + 4 * (place & 3)) & 15);
const UNSHIFT_ROWS = places.map((place) => SHIFT_ROWS.indexOf(place));
const rowsUp = (rows) => places.map((place) => (place & 12) | ((place + rows) & 3));
/** The permutations one after the other. */
const chain = (...permutations) => permutations.reduce((sofar, next) => next.map((place) => sofar[place]));
const times = (count, permutation) => chain(places, ...Array(count).fill(permutation));
/** What `permutation` is to a state whose rows lack so many ShiftRows. */
const unshifted = (permutation, shifts) => chain(times(shifts, SHIFT_ROWS), permutation, times(shifts, UNSHIFT_ROWS));

/** A constant mask is one instruction; one in a variable would be kept from pointing outside the vector, which takes another. */
const permute = (plane, permutation) => `i8x16.swizzle(${plane}, i8x16(${permutation.join(', ')}))`;

// ---- Steps ----

const load = (name, base) => PLANES.map((k) => `let ${name}${k} = v128.load(${base}, ${16 * k});`);
const store = (name, base) => PLANES.map((k) => `v128.store(${base}, ${name}${k}, ${16 * k});`);

/** A function over batches: from \`planes\` up to \`end\`, at least one. */
const overBatches = (
  name,
  parameters,
  lines,
) => `export function ${name}(planes: usize, end: usize${parameters}): void {
  do {
    ${lines.join('\n    ')}
    planes += 128;
  } while (planes < end);
}
`;

/** MixColumns and AddRoundKey: r + rk + (the sum two rows up) + 2 (s + r), with r the next row. */
function mix(shifts) {
  const nextRow = unshifted(rowsUp(1), shifts);
  const twoRows = unshifted(rowsUp(2), shifts);
  // Doubling moves bits up a plane and folds bit 7 by m(x) = x^8 + x^4 + x^3 + x + 1 (section 4.2).
  const doubled = (k) => (k === 0 ? 'u7' : [1, 3, 4].includes(k) ? `v128.xor(u${k - 1}, u7)` : `u${k - 1}`);
  return [
    ...PLANES.map((k) => `const r${k} = ${permute(`s${k}`, nextRow)};`),
    ...PLANES.map((k) => `const u${k} = v128.xor(s${k}, r${k});`),
    ...PLANES.map((k) => {
      const sum = `v128.xor(v128.xor(r${k}, v128.load(roundKey, ${16 * k})), ${permute(`u${k}`, twoRows)})`;
      return `v128.store(planes, v128.xor(${sum}, ${doubled(k)}), ${16 * k});`;
    }),
  ];
}

const rounds = [0, 1, 2, 3].map((shifts) =>
  overBatches(`round${shifts}`, ', roundKey: usize', [...load('q', 'planes'), ...substitute, ...mix(shifts)]),
);
const lastRound = overBatches('lastRound', ', roundKey: usize', [
  ...load('q', 'planes'),
  ...substitute,
  ...PLANES.map((k) => `v128.store(planes, v128.xor(s${k}, v128.load(roundKey, ${16 * k})), ${16 * k});`),
]);

/** Transposes the 8 x 8 bits at every byte position: eight blocks become planes and back. */
const transpose = [1, 2, 4].flatMap((bits) =>
  PLANES.filter((k) => !(k & bits)).flatMap((low) => {
    const high = low + bits;
    const mask = { 1: '0x55', 2: '0x33', 4: '0x0f' }[bits];
    return [
      `t = v128.and(v128.xor(i64x2.shr_u(a${low}, ${bits}), a${high}), i8x16.splat(${mask}));`,
      `a${high} = v128.xor(a${high}, t);`,
      `a${low} = v128.xor(a${low}, i64x2.shl(t, ${bits}));`,
    ];
  }),
);
/** The two ShiftRows that fourteen rounds leave. */
const shift = (k) => permute(`a${k}`, times(14 % 4, SHIFT_ROWS));

writeGenerated(
  'aes_planes',
  import.meta.url,
  [
    ...rounds,
    '/** The last round, but for its ShiftRows and those that are left. */',
    lastRound,
    '/** Blocks to planes, and the first round key added. In place. */',
    overBatches('slice', ', roundKey: usize', [
      'let t: v128;',
      ...load('a', 'planes'),
      ...transpose,
      ...PLANES.map((k) => `v128.store(planes, v128.xor(a${k}, v128.load(roundKey, ${16 * k})), ${16 * k});`),
    ]),
    '/** Planes after the last round to blocks. In place. */',
    overBatches('unslice', '', [
      'let t: v128;',
      ...load('a', 'planes'),
      ...transpose,
      ...PLANES.map((k) => `v128.store(planes, ${shift(k)}, ${16 * k});`),
    ]),
    '/** output <- input + the blocks of planes after the last round. The spans may be the same. */',
    overBatches('unsliceOnto', ', input: usize, output: usize', [
      'let t: v128;',
      ...load('a', 'planes'),
      ...transpose,
      ...PLANES.map((k) => `v128.store(output, v128.xor(${shift(k)}, v128.load(input, ${16 * k})), ${16 * k});`),
      'input += 128;',
      'output += 128;',
    ]),
    '/** SUBBYTES but for the affine constant. */',
    overBatches('substitute', '', [...load('q', 'planes'), ...substitute, ...store('s', 'planes')]),
    '/** INVSHIFTROWS on one block. */',
    `@inline\nexport function unshiftRows(block: v128): v128 {\n  return ${permute('block', UNSHIFT_ROWS)};\n}\n`,
  ].join('\n'),
);
