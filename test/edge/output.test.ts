import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { Output, Turns, type Standing } from "../../edge/output.ts";
import { eventually } from "../support/eventually.ts";

interface Rig {
  readonly output: Output;
  readonly webSocket: { -readonly [Key in keyof Standing]: Standing[Key] };
  /** Each write as it reached the stream. */
  readonly written: string[];
  readonly stream: PassThrough;
}

function rig(turns = new Turns()): Rig {
  const stream = new PassThrough();
  const written: string[] = [];
  stream.on("data", (chunk: Buffer) => written.push(chunk.toString("latin1")));
  const webSocket = { readyState: 1, OPEN: 1 };
  const output = new Output(stream, turns);
  output.begin(webSocket);
  return { output, webSocket, written, stream };
}

describe("output", () => {
  it("writes what a turn adds at once, a byte for each character", async () => {
    const { output, written } = rig();
    output.add("\x81\x02\xc3\xa9");
    output.add("\x81\x01b");
    expect(output.buffered).toBe(7);
    await eventually(() => written.length > 0);
    output.add("\x81\x01c");
    await eventually(() => written.length > 1);
    expect(written).toEqual(["\x81\x02\xc3\xa9\x81\x01b", "\x81\x01c"]);
    expect(output.buffered).toBe(0);
  });

  it("writes nothing behind a close frame", async () => {
    const turns = new Turns();
    const [closing, other] = [rig(turns), rig(turns)];
    closing.output.add("late");
    closing.webSocket.readyState = 2;
    other.output.add("other");
    await eventually(() => other.written.length > 0);
    expect(closing.written).toEqual([]);
    expect(closing.output.buffered).toBe(0);
  });

  it("lets what others write wait for the end of the turn, also when nothing is added", async () => {
    const { output, written, stream } = rig();
    output.hold();
    stream.write("101");
    expect(output.buffered).toBe(3);
    await eventually(() => written.length > 0);
    expect(written).toEqual(["101"]);
  });
});
