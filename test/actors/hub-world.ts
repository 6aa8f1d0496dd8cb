import { expect } from "vitest";
import { Hub, type Listener } from "../../actors/hub.ts";
import type { AskReply, FollowedTail, ShardEnvelope } from "../../actors/runtime/envelope.ts";
import type { LogEvent } from "../../protocol/events.ts";
import type { LogSlice } from "../../store/store.ts";
import { virtualTime, type VirtualTime } from "../support/virtual-clock.ts";
import { logOf, scriptedRouting, shardOfConversation, type ScriptedRouting } from "./edge-world.ts";
import { modelLog, type ModelLog } from "./model-log.ts";

/** The conversation of most tests. */
export const conv = "s.ann.1";
/** Its log. */
export const log = logOf(conv);
/** The shard of both. */
export const shard = shardOfConversation(conv);

/** A follow that the hub has asked for. */
export interface Asked {
  readonly envelope: Extract<ShardEnvelope, { k: "follow" }>;
  readonly answer: (reply: AskReply | undefined) => void;
}

/** A hub on a virtual clock whose owners are the test itself. */
export interface HubWorld {
  readonly time: VirtualTime;
  readonly routing: ScriptedRouting;
  readonly hub: Hub;
  readonly asked: Asked[];
  readonly sent: ShardEnvelope[];
  readonly reads: number[];
  readonly model: ModelLog;
  readLog: () => Promise<void>;
}

/** Nothing is followed yet; one log is there for all. */
export function hubWorld(): HubWorld {
  const time = virtualTime();
  const routing = scriptedRouting();
  const asked: Asked[] = [];
  const sent: ShardEnvelope[] = [];
  const reads: number[] = [];
  const model = modelLog();
  const world: HubWorld = {
    time,
    routing,
    asked,
    sent,
    reads,
    model,
    readLog: () => Promise.resolve(),
    hub: new Hub({
      clock: time.clock(),
      routing,
      ask: (envelope) =>
        new Promise((resolve) => {
          if (envelope.k === "follow") asked.push({ envelope, answer: resolve });
        }),
      send: (envelope) => void sent.push(envelope),
      async readLog(query): Promise<LogSlice> {
        const after = "after" in query ? query.after : 0;
        reads.push(after);
        expect(query.bytes).toBeGreaterThan(0);
        const events = model.events.filter(({ seq }) => seq > after).slice(0, query.limit);
        const end = model.end?.seq ?? 0;
        await world.readLog();
        return { events: events.map((event) => ({ seq: event.seq, event: JSON.stringify(event) })), end };
      },
    }),
  };
  return world;
}

/** Somebody who follows, and what came. */
export interface Heard extends Listener {
  readonly tails: FollowedTail[];
  readonly seqs: number[];
  readonly texts: string[];
}

/** One of them; `after` where the first events are wanted as well. */
export function listener(who?: string, after?: number): Heard {
  const heard = { tails: [] as FollowedTail[], seqs: [] as number[], texts: [] as string[] };
  return {
    ...heard,
    ...(who === undefined ? {} : { who }),
    after,
    onFollowed: (followed) => void heard.tails.push(followed),
    onEvent: ({ seq }) => void heard.seqs.push(seq),
    onCast: (_frame, _audience, text) => void heard.texts.push(text),
  };
}

/** What an owner answers when all its logs end there. */
export function tailsOf({ envelope }: Asked, tail: LogEvent | undefined): AskReply {
  return { kind: "tails", tails: envelope.items.map((item) => ({ ...item, tail })) };
}
