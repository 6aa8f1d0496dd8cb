import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startProcess } from "../../compose/local/process.ts";
import { sqliteStore } from "../../store/sqlite.ts";
import type { Write } from "../../store/store.ts";
import { losingReplies, lossyStore } from "../support/lost-replies.ts";
import { manualClock } from "../support/manual-clock.ts";
import { alice, benchOf, type StoreHarness } from "./store-harness.ts";
import { storeModel } from "./store-model.ts";
import { storeContract } from "./store.ts";

function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "usher-sqlite-"));
}

const makeHarness = async (): Promise<StoreHarness> => {
  const folder = temporaryFolder();
  const clock = manualClock();
  const store = lossyStore(sqliteStore({ file: join(folder, "sub", "usher.db"), clock }));
  return {
    store,
    pass: async (ms) => clock.advance(ms),
    loseReply: (run) => losingReplies(store, run),
    async close() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
};
storeContract("sqlite", makeHarness);
storeModel("sqlite", makeHarness, 60);

describe("sqlite store", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = temporaryFolder();
    file = join(folder, "usher.db");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("holds everything after a restart", async () => {
    const clock = manualClock();
    const first = sqliteStore({ file, clock });
    const harness = {
      store: first,
      pass: async () => {},
      close: async () => {},
      loseReply: <T>(run: () => T) => run(),
    };
    await benchOf(harness).write(
      3,
      { op: "append", log: "c", seq: 1, event: "x" },
      { op: "set", entity: "e", field: "f", value: "v" },
      { op: "keep", key: "k", value: "kept", ttlMs: 1000 },
      { op: "owe", id: "o", value: "owed" },
      { op: "arm", id: "t", delayMs: 100, value: "timer" },
      { op: "join", set: "s", member: "m" },
    );
    await first.stamp("node-a", 1000);
    const runId = await first.runId();
    await first.close();
    clock.advance(200);
    const second = sqliteStore({ file, clock });
    expect(await second.runId()).toBe(runId);
    expect(await second.fences(8)).toEqual([{ shard: 3, epoch: 1, owner: alice, last: 1 }]);
    expect(await second.tails([{ shard: 3, log: "c" }])).toEqual(["x"]);
    expect(await second.load([{ shard: 3, entity: "e" }])).toEqual([{ f: "v" }]);
    expect(await second.kept([{ shard: 3, key: "k" }])).toEqual(["kept"]);
    expect(await second.obligations(3, 9)).toEqual([{ shard: 3, id: "o", value: "owed" }]);
    expect(await second.due([3], 9)).toEqual([{ shard: 3, id: "t", value: "timer" }]);
    expect(await second.isMember([{ shard: 3, set: "s", member: "m" }])).toEqual([true]);
    expect(await second.stamped()).toEqual(["node-a"]);
    expect(await second.commit(alice, [{ shard: 3, epoch: 1, number: 1, writes: [] }])).toEqual([
      { kind: "committed" },
    ]);
    await second.close();
  });

  it("commits what was still waiting when it closes", async () => {
    const store = sqliteStore({ file, clock: manualClock() });
    await store.claim(alice, [{ shard: 0, epoch: 1 }]);
    const waiting = store.commit(alice, [{ shard: 0, epoch: 1, number: 1, writes: [] }]);
    await store.close();
    expect(await waiting).toEqual([{ kind: "committed" }]);
  });

  it("never lets its time go back, and does not stand still either", async () => {
    const clock = manualClock();
    const store = sqliteStore({ file, clock });
    const arm = (number: number, id: string) =>
      store.commit(alice, [
        { shard: 0, epoch: 1, number, writes: [{ op: "arm", id, delayMs: 100, value: "" }] },
      ]);
    await store.claim(alice, [{ shard: 0, epoch: 1 }]);
    await arm(1, "before");
    clock.setWall(clock.wall() - 3_600_000);
    await arm(2, "after");
    clock.advance(102);
    expect((await store.due([0], 9)).map(({ id }) => id).sort()).toEqual(["after", "before"]);
    await store.close();
    const reopened = sqliteStore({ file, clock });
    expect((await reopened.due([0], 9)).map(({ id }) => id)).toContain("before");
    await reopened.commit(alice, [
      { shard: 0, epoch: 1, number: 3, writes: [{ op: "arm", id: "restarted", delayMs: 100, value: "" }] },
    ]);
    clock.advance(99);
    expect((await reopened.due([0], 9)).map(({ id }) => id)).not.toContain("restarted");
    clock.advance(3);
    expect((await reopened.due([0], 9)).map(({ id }) => id)).toContain("restarted");
    await reopened.close();
  });

  it("brings a file of the first layout over, without the records whose form has changed", async () => {
    const clock = manualClock();
    const first = sqliteStore({ file, clock });
    await first.claim(alice, [{ shard: 3, epoch: 1 }]);
    const keep = (key: string): Write => ({ op: "keep", key, value: "old", ttlMs: 60_000 });
    const writes = [
      keep("p/session/demo/v.ann/x"),
      keep("read/conversation/demo/s.ann.1/v.ann"),
      keep("other"),
    ];
    await first.commit(alice, [{ shard: 3, epoch: 1, number: 1, writes }]);
    await first.close();
    const old = new DatabaseSync(file);
    old.exec("PRAGMA user_version = 1");
    old.close();
    const second = sqliteStore({ file, clock });
    const keys = ["p/session/demo/v.ann/x", "read/conversation/demo/s.ann.1/v.ann", "other"];
    expect(await second.kept(keys.map((key) => ({ shard: 3, key })))).toEqual([undefined, undefined, "old"]);
    await second.close();
  });

  it("refuses a file of a newer version, of another program, and no database at all", () => {
    const clock = manualClock();
    const newer = new DatabaseSync(file);
    newer.exec("PRAGMA user_version = 99");
    newer.close();
    expect(() => sqliteStore({ file, clock })).toThrow(
      expect.objectContaining({
        code: "STORE_CONFIG",
        message: expect.stringContaining("newer version of Usher"),
      }),
    );
    const foreign = join(folder, "foreign.db");
    const other = new DatabaseSync(foreign);
    other.exec("CREATE TABLE theirs (x)");
    other.close();
    expect(() => sqliteStore({ file: foreign, clock })).toThrow(/another program's database/);
    const garbage = join(folder, "garbage.db");
    writeFileSync(garbage, "this is no database, it is a text that somebody put here\n".repeat(20));
    expect(() => sqliteStore({ file: garbage, clock })).toThrow(
      expect.objectContaining({ code: "STORE_CONFIG" }),
    );
  });

  it("refuses another number of shards than the file was made with, and gives one to a file without", async () => {
    const clock = manualClock();
    await sqliteStore({ file, clock }).close();
    await sqliteStore({ file, clock, shards: 256 }).close();
    await sqliteStore({ file, clock, shards: 256 }).close();
    expect(() => sqliteStore({ file, clock, shards: 64 })).toThrow(
      expect.objectContaining({
        code: "STORE_CONFIG",
        message: expect.stringMatching(/made with USHER_SHARDS=256, but this node is set to 64/),
      }),
    );
  });

  it("is unavailable while another process holds the file, and works on afterwards", async () => {
    const store = sqliteStore({ file, clock: manualClock() });
    await store.claim(alice, [{ shard: 0, epoch: 1 }]);
    const other = new DatabaseSync(file);
    other.exec("BEGIN IMMEDIATE");
    const commit = { shard: 0, epoch: 1, number: 1, writes: [] };
    await expect(store.commit(alice, [commit])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    other.exec("ROLLBACK");
    other.close();
    expect(await store.commit(alice, [commit])).toEqual([{ kind: "committed" }]);
    await store.close();
  });

  it("gives each call of one turn its own outcome, though they share a transaction", async () => {
    const store = sqliteStore({ file, clock: manualClock() });
    await store.claim(alice, [{ shard: 0, epoch: 1 }]);
    const append = (number: number, seq: number) =>
      store.commit(alice, [
        { shard: 0, epoch: 1, number, writes: [{ op: "append", log: "c", seq, event: `${seq}` }] },
      ]);
    const [first, broken, second] = await Promise.allSettled([append(1, 1), append(2, 7), append(2, 2)]);
    expect(first).toMatchObject({ value: [{ kind: "committed" }] });
    expect(broken).toMatchObject({ reason: { code: "STORE_CORRUPT" } });
    expect(second).toMatchObject({ value: [{ kind: "committed" }] });
    expect(await store.tails([{ shard: 0, log: "c" }])).toEqual(["2"]);
    await store.close();
  });

  it("loses no acknowledged commit when its process is killed", async () => {
    const writer = await startProcess({
      name: "writer",
      command: process.execPath,
      args: [new URL("../support/sqlite-writer.ts", import.meta.url).pathname, file],
      ready: /acknowledged 50\n/,
    });
    writer.signal("SIGKILL");
    await writer.exited;
    const acknowledged = [...writer.output().matchAll(/acknowledged (\d+)\n/g)].map(([, number]) =>
      Number(number),
    );
    const last = Math.max(...acknowledged);
    const store = sqliteStore({ file, clock: manualClock() });
    const [slice] = await store.readLogs([{ shard: 0, log: "c", limit: 1_000_000 }]);
    const seqs = slice?.events.map(({ seq }) => seq) ?? [];
    expect(seqs.length).toBeGreaterThanOrEqual(last);
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, i) => i + 1));
    expect((await store.fences(1))[0]?.last).toBe(seqs.length);
    await store.close();
  });
});
