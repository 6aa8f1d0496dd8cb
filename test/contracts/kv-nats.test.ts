import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { atLeast } from "../../base/version.ts";
import { newerNatsBinary, startNats, type LocalNats } from "../../compose/local/nats.ts";
import { freePort } from "../../compose/local/process.ts";
import type { KvChange } from "../../placement/kv.ts";
import { natsKv } from "../../placement/kv-nats.ts";
import { eventually } from "../support/eventually.ts";
import { startProxy } from "../support/tcp-proxy.ts";
import { kvContract } from "./kv.ts";

let nats: LocalNats;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const freshCluster = (): string => randomUUID().slice(0, 8);

kvContract("nats", async () => {
  const cluster = freshCluster();
  const a = await natsKv({ servers: [nats.url], cluster });
  const b = await natsKv({ servers: [nats.url], cluster });
  return {
    a,
    b,
    async close() {
      await a.close();
      await b.close();
    },
  };
});

describe("nats bucket and its server", () => {
  it("is made once when many nodes open it at the same moment", async () => {
    for (let round = 0; round < 20; round++) {
      const cluster = freshCluster();
      const open = Array.from({ length: 6 }, () => natsKv({ servers: [nats.url], cluster }));
      const all = await Promise.all(open);
      await all[0]?.create("k", "1");
      for (const kv of all) expect((await kv.get("k"))?.value).toBe("1");
      await Promise.all(all.map((kv) => kv.close()));
    }
  });

  it("waits while the server says that a stream of the same subjects is there, and is made when it is not", async () => {
    const cluster = freshCluster();
    const connection = await connect({ servers: [nats.url] });
    const streams = (await connection.jetstreamManager()).streams;
    await streams.add({ name: `other-${cluster}`, subjects: [`$KV.usher-${cluster}.>`] });
    let trips = 0;
    const opening = natsKv({ servers: [nats.url], cluster });
    // A refused try takes a few round trips; the bucket is retried for half a second.
    await eventually(async () => (await connection.rtt()) >= 0 && ++trips > 30);
    await streams.delete(`other-${cluster}`);
    const kv = await opening;
    expect((await kv.create("k", "1")).kind).toBe("written");
    await kv.close();
    await connection.close();
  });

  it("reports a write whose answer was cut off as unknown, although it happened", async () => {
    const proxy = await startProxy(nats.port);
    const cluster = freshCluster();
    const kv = await natsKv({ servers: [`nats://127.0.0.1:${proxy.port}`], cluster });
    const direct = await natsKv({ servers: [nats.url], cluster });
    const created = await kv.create("k", "1");
    expect(created.kind).toBe("written");
    proxy.swallowReplies(true);
    const update = kv.update("k", "2", created.kind === "written" ? created.revision : 0);
    await expect(update).rejects.toMatchObject({ code: "KV_UNKNOWN_OUTCOME" });
    proxy.swallowReplies(false);
    expect((await direct.get("k"))?.value).toBe("2");
    await eventually(async () => (await kv.get("k"))?.value === "2");
    await kv.close();
    await direct.close();
    await proxy.stop();
  });

  it("answers within its bound when the link is silent, and does not try at all when it is known to be cut", async () => {
    const proxy = await startProxy(nats.port);
    const options = { servers: [`nats://127.0.0.1:${proxy.port}`], cluster: freshCluster(), answerMs: 300 };
    const kv = await natsKv(options);
    proxy.silence(true);
    await expect(kv.get("k")).rejects.toMatchObject({ code: "KV_UNAVAILABLE" });
    await expect(kv.create("k", "1")).rejects.toMatchObject({ code: "KV_UNKNOWN_OUTCOME" });
    proxy.cut();
    await eventually(() => !kv.connected());
    await expect(kv.create("k", "1")).rejects.toMatchObject({ code: "KV_UNAVAILABLE" });
    proxy.silence(false);
    await proxy.heal();
    await eventually(() => kv.connected());
    await eventually(async () => (await kv.create("later", "1")).kind === "written");
    await kv.close();
    await proxy.stop();
  });

  it("makes its bucket again when the server comes back with an empty store", async () => {
    const first = await startNats();
    const kv = await natsKv({ servers: [first.url], cluster: "c" });
    const created = await kv.create("k", "1");
    await first.stop();
    await eventually(() => !kv.connected());
    const second = await startNats({ port: first.port });
    await eventually(() => kv.connected());
    await eventually(
      async () => (await kv.update("k", "2", created.kind === "written" ? created.revision : 0)).kind,
    );
    expect(await kv.get("k")).toBeUndefined();
    expect(await kv.list("")).toEqual([]);
    expect((await kv.create("k", "3")).kind).toBe("written");
    const seen: KvChange[] = [];
    await kv.watch((change) => seen.push(change));
    await eventually(() => seen.length === 1);
    await kv.close();
    await second.stop();
  });

  it("finds everything again when the server restarts over its store", async () => {
    const dir = mkdtempSync(join(tmpdir(), "usher-nats-"));
    const first = await startNats({ dir });
    const kv = await natsKv({ servers: [first.url], cluster: "c" });
    await kv.create("k", "1");
    await first.stop();
    const second = await startNats({ dir, port: first.port });
    await eventually(async () => (await kv.get("k"))?.value === "1");
    await kv.close();
    await second.stop();
    rmSync(dir, { recursive: true });
  });

  it("fails readably when no server answers", async () => {
    const port = await freePort();
    await expect(
      natsKv({ servers: [`127.0.0.1:${port}`], cluster: "c", connectMs: 300 }),
    ).rejects.toMatchObject({ code: "KV_UNAVAILABLE" });
  });

  it("refuses replicas on a server whose compare-and-set is unsound under replication", async () => {
    const isSound = atLeast(await versionOf(nats), [2, 9, 21]);
    const refused = natsKv({ servers: [nats.url], cluster: freshCluster(), replicas: 3 });
    // A sound one that stands alone has no room for them, and may have when its peers have come.
    if (isSound) return expect(refused).rejects.toMatchObject({ code: "KV_UNAVAILABLE" });
    await expect(refused).rejects.toMatchObject({
      code: "KV_REPLICAS_UNSAFE",
      details: { replicas: 3, needed: "2.9.21" },
    });
    await expect(refused).rejects.toThrow(/2\.9\.21/);
  });
});

async function versionOf({ url }: LocalNats): Promise<string> {
  const connection = await connect({ servers: url });
  const version = connection.info?.version ?? "";
  await connection.close();
  return version;
}

const newer = newerNatsBinary();
if (newer === undefined) {
  process.stderr.write("USHER_TEST_NATS_SERVER is not set: replicated buckets are not tested\n");
} else {
  describe("replicated nats bucket on a newer server", () => {
    const servers: LocalNats[] = [];
    beforeAll(async () => {
      const routes = await Promise.all([freePort(), freePort(), freePort()]);
      const mesh = routes.map((port) => `nats://127.0.0.1:${port}`).join(",");
      const starting = routes.map((port, i) => {
        const args = ["-n", `n${i}`, "--cluster_name", "r3", "--cluster", `nats://127.0.0.1:${port}`];
        return startNats({ binary: newer, args: [...args, "--routes", mesh] });
      });
      servers.push(...(await Promise.all(starting)));
    });
    afterAll(() => Promise.all(servers.map((server) => server.stop())));

    kvContract("nats R3", async () => {
      const cluster = freshCluster();
      const open = (at: number): ReturnType<typeof natsKv> =>
        natsKv({ servers: [servers[at]?.url ?? ""], cluster, replicas: 3 });
      const a = await eventually(() => open(0), 30_000, "a replicated bucket");
      const b = await open(1);
      return {
        a,
        b,
        async close() {
          await a.close();
          await b.close();
        },
      };
    });
  });
}
