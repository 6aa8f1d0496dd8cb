import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { textFrame } from "../../edge/text-frame.ts";

/** The same by the letter of RFC 6455, section 5.2. */
function expected(text: string): Buffer {
  const payload = Buffer.from(text);
  const length = Buffer.alloc(payload.length < 126 ? 1 : payload.length < 2 ** 16 ? 3 : 9);
  if (length.length === 1) length.writeUInt8(payload.length);
  if (length.length === 3) length.writeUInt16BE(payload.length, 1);
  if (length.length === 9) length.writeBigUInt64BE(BigInt(payload.length), 1);
  if (length.length > 1) length.writeUInt8(length.length === 3 ? 126 : 127);
  return Buffer.concat([Buffer.of(0b1000_0001), length, payload]);
}

function bytesOf(text: string): Buffer {
  return Buffer.from(textFrame(text), "latin1");
}

describe("a text frame", () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])("of %d bytes has its length in front", (bytes) => {
    const text = "x".repeat(bytes);
    expect(bytesOf(text).equals(expected(text))).toBe(true);
  });

  it("is that of the RFC's example", () => {
    expect(bytesOf("Hello").toString("hex")).toBe("810548656c6c6f");
  });

  it("is whole, whatever the script", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 200 }), (unit, times) => {
        const text = unit.repeat(times);
        expect(bytesOf(text).equals(expected(text))).toBe(true);
      }),
    );
  });

  it("has the replacement character for half a surrogate pair", () => {
    expect(bytesOf("a\ud800b").equals(expected("a\ud800b"))).toBe(true);
  });

  it("needs one character for each byte", () => {
    for (const text of ["é", "ÿ".repeat(130), "你好", "😀"]) {
      expect(textFrame(text)).toHaveLength(expected(text).length);
    }
  });
});
