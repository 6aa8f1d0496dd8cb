/** A text message as a server writes it on a WebSocket: one frame, final and not masked (RFC 6455, section 5.2). */

const finalText = 0x81;
const longestHere = 125;
const twoBytesFollow = 126;
const eightBytesFollow = 127;

/**
 * The frame of a text, each character of the answer one byte of it ("latin1", "binary"): that is what Node writes to a
 * socket in one copy, without a buffer of its own.
 */
export function textFrame(text: string): string {
  const bytes = Buffer.byteLength(text);
  const payload = bytes === text.length ? text : Buffer.from(text).toString("latin1");
  return head(bytes) + payload;
}

function head(bytes: number): string {
  if (bytes <= longestHere) return String.fromCharCode(finalText, bytes);
  if (bytes <= 0xffff) return String.fromCharCode(finalText, twoBytesFollow, bytes >>> 8, bytes & 0xff);
  const high = Math.floor(bytes / 2 ** 32);
  const parts = [high >>> 24, high >>> 16, high >>> 8, high, bytes >>> 24, bytes >>> 16, bytes >>> 8, bytes];
  return String.fromCharCode(finalText, eightBytesFollow, ...parts.map((part) => part & 0xff));
}
