import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ConnectionEvent } from "../../actors/connection-log.ts";
import type { Metrics } from "../../base/metrics.ts";
import { ConnectionLogFile } from "../../server/connection-log.ts";
import { eventually } from "../support/eventually.ts";
import { manualClock, type ManualClock } from "../support/manual-clock.ts";
import { recordingLog, type LogLine } from "../support/recording-log.ts";

const flushMs = 250;
const attach: ConnectionEvent = {
  tenant: "demo",
  role: "visitor",
  user: "ann",
  device: "tab-1",
  what: { event: "attach", tookMs: 12 },
};
const detach: ConnectionEvent = { ...attach, what: { event: "detach", code: 1006, cause: "lost" } };

interface Opened {
  readonly log: ConnectionLogFile;
  readonly clock: ManualClock;
  readonly warnings: LogLine[];
  dropped: number;
}

describe("connection log", () => {
  let dir: string;
  let path: string;
  const opened: ConnectionLogFile[] = [];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "usher-log-"));
    path = join(dir, "connections.jsonl");
  });
  afterEach(async () => {
    for (const log of opened.splice(0)) await log.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function open(over: { path?: string; secret?: string; node?: string } = {}): Promise<Opened> {
    const clock = manualClock(1_700_000_000_000);
    const warnings: LogLine[] = [];
    const metrics: Metrics = {
      counter: () => ({ add: (count = 1) => void (made.dropped += count) }),
      gauge: () => {},
      histogram: () => ({ observe: () => {} }),
    };
    const parts = { path, node: "n1", secret: "s".repeat(32), clock, log: recordingLog(warnings), metrics };
    const made: Opened = {
      log: await ConnectionLogFile.open({ ...parts, ...over }),
      clock,
      warnings,
      dropped: 0,
    };
    opened.push(made.log);
    return made;
  }

  const text = (file = path): string => readFileSync(file, "utf8");
  const lines = (file = path): Record<string, unknown>[] =>
    text(file)
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it("keeps time, node, what happened and hashes, and no id that a client sent", async () => {
    const { log } = await open();
    log.mark("start");
    log.note(attach);
    log.note(detach);
    await log.close();
    const at = 1_700_000_000_000;
    const who = {
      tenant: expect.stringMatching(/^[\w-]{16}$/),
      device: expect.stringMatching(/^[\w-]{16}$/),
    };
    expect(lines()).toEqual([
      { at, node: "n1", event: "start" },
      { at, node: "n1", event: "attach", ...who, role: "visitor", tookMs: 12 },
      { at, node: "n1", event: "detach", ...who, role: "visitor", code: 1006, cause: "lost" },
    ]);
    expect(text()).not.toMatch(/demo|ann|tab-1/);
    expect(statSync(path).mode & 0o007).toBe(0);
  });

  it("names a device alike on all nodes that share a secret, and otherwise elsewhere", async () => {
    const files = ["a", "b", "c"].map((name) => join(dir, name));
    const secrets = ["s", "s", "t"].map((letter) => letter.repeat(32));
    for (const [i, file] of files.entries()) {
      const { log } = await open({ path: file, secret: secrets[i] ?? "", node: `n${i}` });
      log.note(attach);
      log.note({ ...attach, user: "bob" });
      await log.close();
    }
    const devices = files.map((file) => lines(file).map(({ device }) => device));
    expect(devices[0]).toEqual(devices[1]);
    expect(devices[0]?.[0]).not.toBe(devices[0]?.[1]);
    expect(devices[2]?.[0]).not.toBe(devices[0]?.[0]);
  });

  it("appends in the background while it is open", async () => {
    const { log, clock } = await open();
    log.note(attach);
    expect(text()).toBe("");
    clock.advance(flushMs);
    await eventually(() => text().endsWith("\n"), 5000, "the line");
    expect(lines()).toHaveLength(1);
  });

  it("holds a bounded number of lines and counts what finds no room", async () => {
    const made = await open();
    for (let i = 0; i < 20_100; i++) made.log.note(attach);
    await made.log.close();
    expect(lines()).toHaveLength(20_000);
    expect(made.dropped).toBe(100);
  });

  it("goes on when the disk is full: warns once, counts, and writes again when there is room", async () => {
    symlinkSync("/dev/full", path);
    const made = await open();
    for (const round of [1, 2]) {
      made.log.note(attach);
      made.log.note(detach);
      const given = (): boolean => {
        // While the file of the last round is still being closed nothing is written: the next period does.
        made.clock.advance(flushMs);
        return made.dropped === 2 * round;
      };
      await eventually(given, 15_000, "two more lines are given up");
    }
    expect(made.warnings.map(({ level }) => level)).toEqual(["warn"]);
    const room = join(dir, "room");
    writeFileSync(room, "");
    rmSync(path);
    symlinkSync(room, path);
    made.log.note(detach);
    await made.log.close();
    expect(lines(room)).toHaveLength(1);
    expect(made.dropped).toBe(4);
    expect(made.warnings.map(({ level }) => level)).toEqual(["warn", "info"]);
  });

  it("begins a new file when the old one was moved away", async () => {
    const { log, clock } = await open();
    log.note(attach);
    clock.advance(flushMs);
    await eventually(() => text().endsWith("\n"), 5000, "the line");
    renameSync(path, `${path}.1`);
    log.note(detach);
    await log.close();
    expect(lines(`${path}.1`).map(({ event }) => event)).toEqual(["attach"]);
    expect(lines().map(({ event }) => event)).toEqual(["detach"]);
  });

  it("ends a line that a killed process left unfinished before it writes", async () => {
    appendFileSync(path, '{"at":17');
    const { log } = await open();
    log.note(attach);
    await log.close();
    const [torn, whole, rest] = text().split("\n");
    expect(torn).toBe('{"at":17');
    expect(JSON.parse(whole ?? "")).toMatchObject({ event: "attach" });
    expect(rest).toBe("");
  });

  it("stops the start with a line when the file cannot be written", async () => {
    await expect(open({ path: join(dir, "no", "such") })).rejects.toThrow(/^USHER_CONNECTION_LOG: .*ENOENT/);
  });
});
