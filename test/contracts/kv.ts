import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Kv, KvChange, KvWrite } from "../../placement/kv.ts";
import { eventually } from "../support/eventually.ts";

/** Two nodes' access to one bucket, and how to let go of what it stands on. */
export interface KvPair {
  readonly a: Kv;
  readonly b: Kv;
  close(): Promise<void>;
}

function revisionOf(write: KvWrite): number {
  if (write.kind !== "written") throw new Error("the write was lost");
  return write.revision;
}

/** What every coordination bucket promises. */
export function kvContract(name: string, open: () => Promise<KvPair>): void {
  describe(`${name} bucket`, () => {
    let pair: KvPair;
    beforeEach(async () => {
      pair = await open();
    });
    afterEach(() => pair.close());

    it("gives every node what one of them wrote", async () => {
      expect(await pair.a.get("node.a")).toBeUndefined();
      const revision = revisionOf(await pair.a.create("node.a", "ünïcode"));
      expect(await pair.b.get("node.a")).toEqual({ key: "node.a", value: "ünïcode", revision });
    });

    it("creates a key once only", async () => {
      expect((await pair.a.create("k", "1")).kind).toBe("written");
      expect(await pair.b.create("k", "2")).toEqual({ kind: "lost" });
      expect((await pair.a.get("k"))?.value).toBe("1");
    });

    it("updates only over the revision that is named", async () => {
      const first = revisionOf(await pair.a.create("k", "1"));
      const second = revisionOf(await pair.b.update("k", "2", first));
      expect(second).toBeGreaterThan(first);
      expect(await pair.a.update("k", "3", first)).toEqual({ kind: "lost" });
      expect(await pair.a.update("missing", "3", first)).toEqual({ kind: "lost" });
      expect((await pair.a.get("k"))?.value).toBe("2");
    });

    it("has one winner in every race", async () => {
      let revision = revisionOf(await pair.a.create("k", "start"));
      for (let round = 0; round < 25; round++) {
        const racing = [pair.a, pair.b, pair.a, pair.b].map((kv, i) =>
          kv.update("k", `${round} ${i}`, revision),
        );
        const winners = (await Promise.all(racing)).filter(({ kind }) => kind === "written");
        expect(winners).toHaveLength(1);
        for (const winner of winners) revision = revisionOf(winner);
        expect((await pair.b.get("k"))?.revision).toBe(revision);
      }
      const creating = [pair.a, pair.b].map((kv) => kv.create("fresh", "x"));
      expect((await Promise.all(creating)).filter(({ kind }) => kind === "written")).toHaveLength(1);
    });

    it("lists what starts with a prefix, and no deleted keys", async () => {
      expect(await pair.a.list("node.")).toEqual([]);
      await pair.a.create("node.a", "1");
      await pair.a.create("node.b", "2");
      await pair.a.create("node.c", "3");
      await pair.a.create("table", "t");
      await pair.a.delete("node.b");
      const keys = (await pair.b.list("node.")).map(({ key, value }) => `${key}=${value}`);
      expect(keys.sort()).toEqual(["node.a=1", "node.c=3"]);
      expect(await pair.b.list("nothing.")).toEqual([]);
    });

    it("creates a key again after it was deleted", async () => {
      await pair.a.create("k", "1");
      await pair.b.delete("k");
      expect(await pair.a.get("k")).toBeUndefined();
      const revision = revisionOf(await pair.a.create("k", "2"));
      expect(await pair.b.get("k")).toEqual({ key: "k", value: "2", revision });
      expect(await pair.b.create("k", "3")).toEqual({ kind: "lost" });
    });

    it("deletes what is not there without an error", async () => {
      await pair.a.delete("nothing");
      expect(await pair.a.get("nothing")).toBeUndefined();
    });

    // A bucket keeps one value per key: what is overtaken before it was sent may never be told.
    it("tells a watch what is there, then changes in their order, the last one for certain", async () => {
      const written = new Map([[revisionOf(await pair.a.create("present", "0")), "0"]]);
      const seen: KvChange[] = [];
      const watch = await pair.b.watch((change) => seen.push(change));
      await eventually(() => seen.length === 1);
      let revision = revisionOf(await pair.a.create("k", "1"));
      written.set(revision, "1");
      for (let i = 2; i <= 30; i++) {
        revision = revisionOf(await pair.a.update("k", String(i), revision));
        written.set(revision, String(i));
      }
      await pair.a.delete("k");
      await eventually(() => seen.at(-1)?.key === "k" && seen.at(-1)?.value === undefined);
      const changes = seen.slice(0, -1);
      expect(changes[0]).toMatchObject({ key: "present", value: "0" });
      for (const { revision: at, value } of changes) expect(written.get(at)).toBe(value);
      const revisions = seen.map(({ revision: at }) => at);
      expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
      expect(revisions.at(-1)).toBeGreaterThan(revision);
      watch.stop();
    });

    it("tells a watch nothing once it is stopped, not even what was under way", async () => {
      const stopped: KvChange[] = [];
      const other: KvChange[] = [];
      const watch = await pair.b.watch((change) => stopped.push(change));
      const still = await pair.b.watch((change) => other.push(change));
      await pair.a.create("k", "1");
      watch.stop();
      const heard = stopped.length;
      await pair.a.create("l", "1");
      await eventually(() => other.length === 2);
      expect(stopped).toHaveLength(heard);
      still.stop();
    });

    it("refuses everything once it is closed", async () => {
      expect(pair.a.connected()).toBe(true);
      await pair.a.close();
      expect(pair.a.connected()).toBe(false);
      await expect(pair.a.get("k")).rejects.toMatchObject({ code: "KV_UNAVAILABLE" });
      await expect(pair.a.create("k", "1")).rejects.toMatchObject({ code: "KV_UNAVAILABLE" });
      await expect(pair.a.watch(() => {})).rejects.toMatchObject({ code: "KV_UNAVAILABLE" });
      expect((await pair.b.create("k", "1")).kind).toBe("written");
    });
  });
}
