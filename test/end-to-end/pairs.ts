import { connect, type Client } from "../../client/client.ts";
import { nodeEnvironment } from "../../client/socket-node.ts";
import { audienceOf, type LogEvent } from "../../protocol/events.ts";
import { checkDeliveries } from "../../sim/checkers/deliveries.ts";
import { FenceBook } from "../../sim/checkers/fences.ts";
import { checkLogs } from "../../sim/checkers/logs.ts";
import { checkSends } from "../../sim/checkers/sends.ts";
import { History, textOf, type DeviceHistory, type SendRecord, type Violation } from "../../sim/history.ts";
import type { AcceptedClaim } from "../../sim/world/store-server.ts";
import { eventually } from "../support/eventually.ts";
import { tappedEnvironment } from "../support/tap.ts";
import type { TestCluster } from "./test-cluster.ts";

interface Speaker {
  readonly client: Client;
  readonly device: string;
  readonly conv: string;
}

/** Visitors and agents on different nodes who talk until they are told to stop, watched by a history. */
export interface Pairs {
  readonly history: History;
  /** Milliseconds that each settled send took, with when it began. */
  readonly waits: { readonly startedAt: number; readonly tookMs: number }[];
  /** Resolves when every pair has exchanged this many more messages both ways. */
  exchanged(more: number, withinMs?: number): Promise<void>;
  /** Stops talking, lets everybody catch up, and checks everything. */
  finish(withinMs?: number): Promise<Violation[]>;
}

let round = 0;

/** How long a speaker waits between two messages. */
const pauseMs = 40;
/** How often the store is asked for its fences. */
const fenceSampleMs = 100;

/** Starts `count` pairs; visitor i and agent i are on different nodes, and each visitor has a second, quiet device. */
export async function startPairs(cluster: TestCluster, count: number): Promise<Pairs> {
  const history = new History();
  const devices = new Map<string, DeviceHistory>();
  const claims: AcceptedClaim[] = [];
  const waits: { startedAt: number; tookMs: number }[] = [];
  const tag = `r${++round}`;
  const clients: Client[] = [];
  const speakers: Speaker[] = [];
  const talking = new AbortController();

  const deviceOf = (device: string, role: string): DeviceHistory => {
    const known = devices.get(device) ?? history.device(device, role === "visitor" ? "all" : "staff");
    devices.set(device, known);
    return known;
  };
  const last = (device: string, conv: string): number =>
    devices.get(device)?.seen.get(conv)?.at(-1)?.seq ?? 0;

  const join = async (role: string, user: string, device: string, home: number): Promise<Client> => {
    const token = await cluster.token(role, user);
    const environment = tappedEnvironment({
      inner: nodeEnvironment(),
      device,
      urls: () => cluster.nodes.map(({ socketUrl }) => socketUrl),
      home,
      onViolation: ({ guarantee, text }) => history.violate(guarantee, text),
    });
    const { seen } = deviceOf(device, role);
    const client = connect({ url: "ws://usher/ws", token, device, environment });
    clients.push(client);
    client.on("event", ({ conv, seq, prev, epoch, ev }) => {
      if (!conv.includes(tag)) return;
      const list = seen.get(conv) ?? [];
      list.push({ seq, prev, epoch, text: textOf(ev.body) });
      seen.set(conv, list);
    });
    client.on("reset", ({ conv }) => void seen.set(conv, []));
    return client;
  };

  const setUp = async (i: number): Promise<void> => {
    const visitor = await join("visitor", `${tag}-v${i}`, `${tag}-visitor${i}`, i);
    const quiet = await join("visitor", `${tag}-v${i}`, `${tag}-quiet${i}`, i + 2);
    await eventually(() => quiet.state.state === "online", 20_000, "the quiet device is online");
    const agent = await join("agent", `agent${i}`, `${tag}-agent${i}`, i + 1);
    await agent.status("available");
    const conv = await visitor.open(`c${i}`);
    await visitor.human(conv);
    await eventually(() => agent.cursor(conv) !== undefined, 30_000, `agent ${i} has the conversation`);
    await eventually(() => quiet.cursor(conv) !== undefined, 30_000, `the quiet device of ${i} follows`);
    speakers.push(
      { client: visitor, device: `${tag}-visitor${i}`, conv },
      { client: agent, device: `${tag}-agent${i}`, conv },
    );
  };
  await Promise.all(Array.from({ length: count }, (_, i) => setUp(i)));

  const counts = new Map<Speaker, number>();
  const watchFences = async (): Promise<void> => {
    while (!talking.signal.aborted) {
      const fences = await cluster.fences().catch(() => []);
      for (const { shard, epoch, owner } of fences)
        claims.push({ kind: "claim", at: performance.now(), owner, shard, epoch });
      await new Promise((resolve) => setTimeout(resolve, fenceSampleMs));
    }
  };
  const watching = watchFences();
  const talk = async (speaker: Speaker): Promise<void> => {
    const { client, device, conv } = speaker;
    for (let k = 0; !talking.signal.aborted; k++) {
      const record = {
        text: `${device}#${k}`,
        conv,
        device,
        startedAt: performance.now(),
        seen: last(device, conv),
      };
      const send: SendRecord = record;
      history.sends.push(send);
      try {
        const { seq } = await client.send(conv, send.text);
        send.seq = seq;
        send.settledAt = performance.now();
        waits.push({ startedAt: send.startedAt, tookMs: send.settledAt - send.startedAt });
        counts.set(speaker, (counts.get(speaker) ?? 0) + 1);
      } catch (error) {
        send.refused = String(error);
        history.violate("NoLostAck", `${send.text} was rejected: ${String(error)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  const talks = speakers.map(talk);

  return {
    history,
    waits,
    async exchanged(more, withinMs = 60_000) {
      const before = new Map(counts);
      await eventually(
        () => speakers.every((speaker) => (counts.get(speaker) ?? 0) >= (before.get(speaker) ?? 0) + more),
        withinMs,
        `${more} more messages from everybody`,
      );
    },
    async finish(withinMs = 60_000) {
      talking.abort();
      await Promise.race([
        Promise.all(talks),
        new Promise((_resolve, reject) =>
          setTimeout(() => reject(new Error("sends stay unanswered")), withinMs).unref(),
        ),
      ]);
      await watching;
      if (claims.length === 0) throw new Error("no fence was ever seen");
      const reader = await join("agent", "agent23", `${tag}-reader`, 0);
      const logs = new Map<string, LogEvent[]>();
      for (const { conv } of speakers) {
        if (!logs.has(conv)) logs.set(conv, await readLog(reader, conv));
      }
      for (const conv of logs.keys()) {
        for (const { device, seen } of history.devices) {
          if (!seen.has(conv)) continue;
          await eventually(
            () => last(device, conv) >= (logs.get(conv)?.length ?? 0),
            withinMs,
            `${device} catches up`,
          ).catch((error: unknown) => history.violate("Converges", String(error)));
        }
      }
      for (const check of [checkLogs, checkSends, checkDeliveries]) check({ history, logs });
      const fences = new FenceBook(history);
      for (const claim of claims) fences.take(claim);
      for (const client of clients) client.stop();
      return history.violations;
    },
  };
}

/** The whole log of a conversation, by pages. */
async function readLog(reader: Client, conv: string): Promise<LogEvent[]> {
  const records: LogEvent[] = [];
  for (let more = true; more;) {
    const page = await reader.sync(conv, { after: records.at(-1)?.seq ?? 0 });
    for (const { seq, prev, epoch, ev } of page.items) {
      const aud = audienceOf(ev.body.kind);
      records.push({ ...ev, seq, epoch, aud, prevAll: prev, countAll: 0, countStaff: 0 });
    }
    more = page.more;
  }
  return records;
}
