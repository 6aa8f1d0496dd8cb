/**
 * Is this node alone in lacking NATS? Role: while its lease is fresh the node stamps the store every second; frozen for
 * long, it looks for the stamps of others. Boundary: what follows from being alone (refusing and sending away clients)
 * is the node's affair. A stamp outlives its node's freeze by its time to live, so that only stamps seen well after that
 * prove a peer whose NATS works: when NATS is away for all, nobody is alone.
 */
import type { Cancel, Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Store } from "../store/store.ts";

/** What the watch is made of. */
export interface IsolationParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly node: string;
  readonly frozen: () => boolean;
  /** Called when it becomes alone, and when it is not any more. */
  readonly onChange: (alone: boolean) => void;
}

const stampMs = 1000;
const stampTtlMs = 3000;
const frozenBeforeMs = 6000;

/** Watches until cancelled. */
export function watchIsolation(parts: IsolationParts): Cancel {
  const { clock, store, node } = parts;
  let frozenSince: number | undefined;
  let alone = false;
  let asking = false;
  let ended = false;
  const change = (now: boolean): void => {
    if (now === alone || ended) return;
    alone = now;
    parts.log.warn(
      alone ? "this node alone lacks NATS; clients are sent away" : "this node has NATS again",
      {},
    );
    parts.onChange(alone);
  };
  const look = async (): Promise<void> => {
    if (!parts.frozen()) {
      frozenSince = undefined;
      change(false);
      return store.stamp(node, stampTtlMs);
    }
    frozenSince ??= clock.now();
    if (clock.now() - frozenSince < frozenBeforeMs) return;
    const fresh = await store.stamped();
    if (parts.frozen()) change(fresh.some((other) => other !== node));
  };
  const cancel = clock.every(stampMs, () => {
    if (asking) return;
    asking = true;
    look()
      .catch((error: unknown) => parts.log.debug("no stamp", { error: messageOf(error) }))
      .finally(() => {
        asking = false;
      });
  });
  return () => {
    ended = true;
    cancel();
  };
}
