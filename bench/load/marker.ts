/**
 * How messages of the load generator are known again without parsing frames: their text is `~<side>.<k>~` and filling,
 * and no other frame of any system contains a tilde.
 */

const tilde = 0x7e;
const dot = 0x2e;
const zero = 0x30;

/** The text of the k-th message of a side of a pair. */
export function markedText(side: number, k: number, filling: string): string {
  return `~${side}.${k}~${filling}`;
}

/** Filling that brings a message to about this many bytes. */
export function fillingOf(bytes: number): string {
  return "abcdefghijklmnopqrstuvwxyz ".repeat(Math.ceil(bytes / 27)).slice(0, Math.max(0, bytes - 8));
}

/** Calls back with side and k when the range holds a marked text; false when it holds none. */
export function readMarker(
  chunk: Buffer,
  start: number,
  end: number,
  found: (side: number, k: number) => void,
): boolean {
  const at = chunk.indexOf(tilde, start);
  if (at < 0 || at >= end) return false;
  const side = (chunk[at + 1] ?? 0) - zero;
  if (chunk[at + 2] !== dot) return false;
  found(side, readNumber(chunk, at + 3));
  return true;
}

/** The decimal number that begins at a position. */
export function readNumber(chunk: Buffer, at: number): number {
  let value = 0;
  for (let i = at; ; i++) {
    const digit = (chunk[i] ?? 0) - zero;
    if (digit < 0 || digit > 9) return value;
    value = value * 10 + digit;
  }
}
