/**
 * Turns the effects of a behaviour into writes of the next commit and outputs that follow it.
 */
import { unreachable } from "../../base/assert.ts";
import type { LogEvent } from "../../protocol/events.ts";
import type { Write } from "../../store/store.ts";
import { encodeAddress, type Address } from "../address.ts";
import type { Effect } from "../behavior.ts";
import { storedForm, wireOf } from "../encoded-event.ts";
import type { Message } from "../messages.ts";
import type { Debts } from "./debts.ts";
import type { Item } from "./entity-host.ts";
import type { NodeEnvelope } from "./envelope.ts";
import type { Publisher } from "./publisher.ts";

/** What effects act on. */
export interface EffectHost {
  readonly debts: Debts;
  readonly publisher: Publisher;
  /** Sends a message that may be lost. */
  hint(to: Address, message: Message): void;
  /** Sends something to every attached device of a session. */
  toDevices(session: string, make: (conn: number) => NodeEnvelope): void;
}

/**
 * One effect of the actor `key`.
 * @param writes gets what belongs into the commit
 * @param outputs gets what may happen once that commit is durable
 */
export function performEffect(
  host: EffectHost,
  key: string,
  item: Item,
  effect: Effect,
  writes: Write[],
  outputs: (() => void)[],
): void {
  switch (effect.do) {
    case "append":
      return append(host, key, effect.event, writes, outputs);
    case "set":
      return void writes.push({ op: "set", entity: key, field: effect.field, value: effect.value });
    case "unset":
      return void writes.push({ op: "unset", entity: key, field: effect.field });
    case "keep":
      return void writes.push({ op: "keep", key: effect.key, value: effect.value, ttlMs: effect.ttlMs });
    case "extend":
      return void writes.push({ op: "extend", key: effect.key, value: effect.value });
    case "join":
    case "leave":
      return void writes.push({ op: effect.do, set: key, member: effect.member });
    case "answer":
      return;
    case "reply": {
      const { respond } = item;
      if (respond !== undefined) outputs.push(() => respond({ kind: "value", value: effect.value }));
      return;
    }
    case "tell": {
      const id = host.debts.nextId();
      const to = encodeAddress(effect.to);
      writes.push({ op: "owe", id, value: host.debts.encode(to, effect.message) });
      return void outputs.push(() => host.debts.begin(id, to, effect.message));
    }
    case "hint":
      return void outputs.push(() => host.hint(effect.to, effect.message));
    case "push":
      return void outputs.push(() =>
        host.toDevices(key, (conn) => ({ k: "push", conn, frame: effect.frame })),
      );
    case "broadcast":
      return void outputs.push(() => host.publisher.cast(key, effect.frame, effect.to));
    case "follow": {
      const { conv, described } = effect;
      const about = described === undefined ? { conv } : { conv, described };
      return void outputs.push(() => host.toDevices(key, (conn) => ({ k: "enter", conn, ...about })));
    }
    case "unfollow":
      return void outputs.push(() => host.toDevices(key, (conn) => ({ k: "exit", conn, conv: effect.conv })));
    case "arm":
      return void writes.push({
        op: "arm",
        id: timerId(key, effect.id),
        delayMs: effect.delayMs,
        value: JSON.stringify({ to: key, id: effect.id }),
      });
    case "disarm":
      return void writes.push({ op: "disarm", id: timerId(key, effect.id) });
    default:
      return unreachable(effect);
  }
}

function append(
  host: EffectHost,
  key: string,
  event: LogEvent,
  writes: Write[],
  outputs: (() => void)[],
): void {
  const encoded = wireOf(event);
  writes.push({ op: "append", log: key, seq: event.seq, event: storedForm(encoded) });
  outputs.push(() => host.publisher.publish(key, encoded));
}

function timerId(key: string, id: string): string {
  return `${key}|${id}`;
}
