/**
 * A recorded history of sends and deliveries, and the checks of design.md section 5 that can be made from outside.
 * Linear in the length of the history.
 */
import type { EventBody } from "../../protocol/events.ts";

/** One send as its device lived it. Times are one monotonic clock of the test's process. */
export interface SendRecord {
  /** The message's text: unique in the whole history. */
  readonly text: string;
  readonly conv: string;
  readonly device: string;
  readonly startedAt: number;
  /** Highest number that the device had seen when it began. */
  readonly seen: number;
  settledAt?: number;
  seq?: number;
  refused?: string;
}

/** One event as one device saw it. */
export interface SeenRecord {
  readonly seq: number;
  readonly prev: number;
  readonly epoch: number;
  readonly body: EventBody;
}

/** One event of the log as it stands in the end. */
export type LogRecord = SeenRecord;

/** A violated guarantee, in words. */
export interface Violation {
  readonly guarantee: string;
  readonly text: string;
}

/** Collects what happens. */
export class History {
  readonly sends: SendRecord[] = [];
  /** Device -> conversation -> events in the order seen. */
  readonly seen = new Map<string, Map<string, SeenRecord[]>>();
  /** Told by the wire itself, connection by connection. */
  readonly wire: Violation[] = [];

  readonly #fences = new Map<number, { epoch: number; owner: string }>();

  /** What the store holds for a shard now: FenceMonotone and EpochOwnerUnique of what it accepted. */
  seeFence(shard: number, epoch: number, owner: string): void {
    const before = this.#fences.get(shard);
    if (before !== undefined && epoch < before.epoch) {
      this.wire.push({
        guarantee: "FenceMonotone",
        text: `shard ${shard} went from epoch ${before.epoch} to ${epoch}`,
      });
    }
    if (before?.epoch === epoch && before.owner !== owner) {
      this.wire.push({
        guarantee: "EpochOwnerUnique",
        text: `shard ${shard}, epoch ${epoch}: ${before.owner}, then ${owner}`,
      });
    }
    this.#fences.set(shard, { epoch, owner });
  }

  /** How many shards' fences were seen. */
  get fencesSeen(): number {
    return this.#fences.size;
  }

  /** A device saw an event. */
  see(device: string, conv: string, record: SeenRecord): void {
    const convs = this.seen.get(device) ?? new Map<string, SeenRecord[]>();
    const list = convs.get(conv) ?? [];
    list.push(record);
    convs.set(conv, list);
    this.seen.set(device, convs);
  }

  /** The device starts anew with a conversation. */
  reset(device: string, conv: string): void {
    this.seen.get(device)?.set(conv, []);
  }

  /** Highest number that a device has seen. */
  last(device: string, conv: string): number {
    return this.seen.get(device)?.get(conv)?.at(-1)?.seq ?? 0;
  }

  /** Everything that is wrong, given the logs as they stand in the end. */
  check(logs: ReadonlyMap<string, readonly LogRecord[]>): Violation[] {
    const found = [...this.wire];
    const fail = (guarantee: string, text: string): void => void found.push({ guarantee, text });
    const places = new Map<string, { conv: string; seq: number }>();
    for (const [conv, log] of logs) {
      log.forEach(({ seq, body, epoch }, i) => {
        if (seq !== i + 1) fail("SeqDense", `${conv} has ${seq} at place ${i + 1}`);
        if (epoch < (log[i - 1]?.epoch ?? 0))
          fail("FenceMonotone", `${conv} goes back to epoch ${epoch} at ${seq}`);
        const text = textOf(body);
        if (text === undefined) return;
        if (places.has(text)) fail("NoDupEffect", `${text} stands twice in ${conv}`);
        places.set(text, { conv, seq });
      });
    }
    this.#checkSends(places, fail);
    this.#checkSeen(logs, fail);
    return found;
  }

  #checkSends(
    places: Map<string, { conv: string; seq: number }>,
    fail: (guarantee: string, text: string) => void,
  ): void {
    const sent = new Set(this.sends.map(({ text }) => text));
    for (const text of places.keys()) if (!sent.has(text)) fail("NoPhantom", `${text} was never sent`);
    const lastOf = new Map<string, number>();
    const acked: { at: number; seq: number }[] = [];
    const byConv = new Map<string, SendRecord[]>();
    for (const send of this.sends) {
      const place = places.get(send.text);
      if (send.seq !== undefined && place?.seq !== send.seq) {
        fail(
          "NoLostAck",
          `${send.text} was acknowledged at ${send.seq}, stands at ${place?.seq ?? "no place"}`,
        );
      }
      if (place === undefined) continue;
      if (place.seq <= send.seen)
        fail("WritesFollowReads", `${send.text} stands at ${place.seq}, its device had seen ${send.seen}`);
      const key = `${send.device} ${send.conv}`;
      if (place.seq <= (lastOf.get(key) ?? 0))
        fail("SenderFIFO", `${send.text} stands before an earlier send`);
      lastOf.set(key, place.seq);
      const list = byConv.get(send.conv) ?? [];
      list.push(send);
      byConv.set(send.conv, list);
    }
    for (const list of byConv.values()) {
      acked.length = 0;
      for (const { settledAt, seq } of list)
        if (settledAt !== undefined && seq !== undefined) acked.push({ at: settledAt, seq });
      acked.sort((a, b) => a.at - b.at);
      let i = 0;
      let highest = 0;
      for (const send of list.toSorted((a, b) => a.startedAt - b.startedAt)) {
        while (i < acked.length && (acked[i]?.at ?? 0) < send.startedAt)
          highest = Math.max(highest, acked[i++]?.seq ?? 0);
        const seq = places.get(send.text)?.seq ?? Infinity;
        if (seq <= highest)
          fail("RealtimeAppend", `${send.text} at ${seq} began after ${highest} was acknowledged`);
      }
    }
  }

  #checkSeen(
    logs: ReadonlyMap<string, readonly LogRecord[]>,
    fail: (guarantee: string, text: string) => void,
  ): void {
    for (const [device, convs] of this.seen) {
      for (const [conv, list] of convs) {
        const log = logs.get(conv);
        let last: number | undefined;
        for (const { seq, prev, epoch, body } of list) {
          if (last !== undefined && seq <= last)
            fail("MonotonicDelivery", `${device} saw ${seq} after ${last} in ${conv}`);
          if (last !== undefined && prev !== last)
            fail("NoSkip", `${device} saw ${seq} (prev ${prev}) after ${last} in ${conv}`);
          last = seq;
          const stands = log?.[seq - 1];
          if (stands === undefined)
            fail("NoPhantom", `${device} saw ${seq} in ${conv}, which the log does not have`);
          else if (stands.epoch !== epoch || textOf(stands.body) !== textOf(body)) {
            fail("OffsetAgreement", `${device} saw another event at ${seq} in ${conv}`);
          }
        }
        const end = log?.length ?? 0;
        if (last !== end) fail("Converges", `${device} holds ${conv} up to ${last ?? 0} of ${end}`);
      }
    }
    for (const { device, conv, seq, text } of this.sends) {
      if (seq !== undefined && this.last(device, conv) < seq)
        fail("ReadYourWrites", `${device} never saw its own ${text}`);
    }
  }
}

/** The text of a message, if the event is one. */
function textOf(body: EventBody): string | undefined {
  return body.kind === "message" && body.body.kind === "text" ? body.body.text : undefined;
}
