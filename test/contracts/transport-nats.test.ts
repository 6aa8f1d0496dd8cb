import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../compose/local/process.ts";
import { startNats, type LocalNats } from "../../compose/local/nats.ts";
import { natsTransport } from "../../transport/nats.ts";
import { eventually } from "../support/eventually.ts";
import { transportContract } from "./transport.ts";

let nats: LocalNats;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Listens on the port and hangs up on so many connections. */
async function refuseOften(port: number, times: number): Promise<void> {
  let refused = 0;
  const server = createServer((socket) => {
    refused += 1;
    socket.destroy();
  });
  server.listen(port, "127.0.0.1");
  await eventually(() => refused >= times, 20_000, "all attempts to come back");
  await new Promise((resolve) => server.close(resolve));
}

transportContract("nats", async () => {
  const a = await natsTransport({ servers: [nats.url], cluster: "contract" });
  const b = await natsTransport({ servers: [nats.url], cluster: "contract" });
  return {
    a,
    b,
    async close() {
      await a.close();
      await b.close();
    },
  };
});

describe("nats transport and its server", () => {
  it("keeps clusters on one server apart", async () => {
    const red = await natsTransport({ servers: [nats.url], cluster: "red" });
    const blue = await natsTransport({ servers: [nats.url], cluster: "blue" });
    await blue.subscribe("n", () => {});
    expect(await red.probe("n", 500)).toBe("no-responders");
    expect(await blue.probe("n", 500)).toBe("answered");
    await red.close();
    await blue.close();
  });

  it("refuses sends while the server is away, says so, and delivers again when it is back", async () => {
    const own = await startNats();
    const a = await natsTransport({ servers: [own.url], cluster: "c" });
    const b = await natsTransport({ servers: [own.url], cluster: "c" });
    const statuses: boolean[] = [];
    a.onStatus((connected) => statuses.push(connected));
    const seen: string[] = [];
    await b.subscribe("b", (payload) => seen.push(payload));
    await own.stop();
    await eventually(() => !a.connected());
    expect(a.send("b", "into the void")).toBe(false);
    expect(await a.probe("b", 200)).toBe("silent");
    await refuseOften(own.port, 24);
    const again = await startNats({ port: own.port });
    await eventually(() => a.connected() && b.connected());
    await b.flush();
    expect(a.send("b", "back")).toBe(true);
    await eventually(() => seen.length > 0);
    expect(seen).toEqual(["back"]);
    expect(statuses).toEqual([false, true]);
    await a.close();
    await b.close();
    await again.stop();
  });

  it("fails readably when no server answers", async () => {
    const port = await freePort();
    await expect(
      natsTransport({ servers: [`nats://127.0.0.1:${port}`], cluster: "c", connectMs: 300 }),
    ).rejects.toMatchObject({
      code: "TRANSPORT_UNAVAILABLE",
      details: { servers: [`nats://127.0.0.1:${port}`] },
    });
  });

  it("takes no more than its server does now, which may be less than before", async () => {
    const own = await startNats();
    const a = await natsTransport({ servers: [own.url], cluster: "c" });
    const before = a.maxPayloadBytes;
    await own.process.stop();
    await eventually(() => !a.connected());
    expect(a.maxPayloadBytes).toBe(before);
    const conf = join(own.dir, "small.conf");
    writeFileSync(conf, "max_payload: 4096");
    const small = await startNats({ port: own.port, dir: own.dir, args: ["-c", conf] });
    await eventually(() => a.connected());
    expect(a.send("b", "x".repeat(4097))).toBe(false);
    expect(a.send("b", "x".repeat(4096))).toBe(true);
    expect(a.maxPayloadBytes).toBe(4096);
    await a.close();
    await small.stop();
    await own.stop();
  });

  it("refuses a name that would be several subject tokens", async () => {
    const a = await natsTransport({ servers: [nats.url], cluster: "c" });
    expect(() => a.send("b.probe", "x")).toThrow("subject token");
    await a.close();
  });
});
