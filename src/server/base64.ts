/** Base64 (RFC 4648 section 4), strictly; and from bytes to bytes, for what must never be a JavaScript string. */

/** The bytes of a text in its one canonical form, or undefined: Node's own decoder skips what it does not know. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

export const base64Bytes = (byteLength: number): number => 4 * Math.ceil(byteLength / 3);

const PADDING = 0x3d;

/** Writes `bytes` as Base64 at `at` of `target`, which must have room; gives the place after it. No branch and no address depends on the bytes. */
export function writeBase64(bytes: Uint8Array, target: Uint8Array, at: number): number {
  let place = at;
  const whole = bytes.length - (bytes.length % 3);
  for (let i = 0; i < whole; i += 3) {
    const group = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    target[place] = digit(group >> 18);
    target[place + 1] = digit((group >> 12) & 63);
    target[place + 2] = digit((group >> 6) & 63);
    target[place + 3] = digit(group & 63);
    place += 4;
  }
  if (whole === bytes.length) return place;
  const isTwo = whole + 2 === bytes.length;
  const group = (bytes[whole]! << 16) | (isTwo ? bytes[whole + 1]! << 8 : 0);
  target[place] = digit(group >> 18);
  target[place + 1] = digit((group >> 12) & 63);
  target[place + 2] = isTwo ? digit((group >> 6) & 63) : PADDING;
  target[place + 3] = PADDING;
  return place + 4;
}

/** The character of 6 bits: each comparison is the sign of a difference, so that the value chooses nothing but what is added. */
function digit(value: number): number {
  return (
    value +
    65 +
    (((25 - value) >> 8) & 6) -
    (((51 - value) >> 8) & 75) -
    (((61 - value) >> 8) & 15) +
    (((62 - value) >> 8) & 3)
  );
}
