import type { Clock } from "../base/clock.ts";
import type { ProbeResult, Subscription, Transport } from "./transport.ts";

/**
 * The transport inside one process: for a node on its own, and for tests with several nodes.
 *
 * Boundary: no handler ever runs inside `send`; deliveries happen on `clock.soon`, in the order of all sends.
 * Invariant: a payload is delivered at most once, and only to a subscription that is in force at that moment.
 */
export interface LoopbackNetwork {
  /** The transport of one node; what it subscribes to ends when it is closed. */
  transport(node: string): Transport;
}

/** The payload bound of a loopback, equal to the default of a NATS server. */
const loopbackPayloadBytes = 1_048_576;

type Handler = (payload: string) => void;

/** A network of its own: nodes meet only if their transports come from the same one. */
export function loopbackNetwork(clock: Clock): LoopbackNetwork {
  const handlers = new Map<string, Handler>();
  let queue: { readonly to: string; readonly payload: string }[] = [];
  let scheduled = false;

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    clock.soon(flush);
  }

  function flush(): void {
    scheduled = false;
    const batch = queue;
    queue = [];
    let delivered = 0;
    try {
      for (const { to, payload } of batch) {
        delivered += 1;
        handlers.get(to)?.(payload);
      }
    } finally {
      if (delivered < batch.length) queue = [...batch.slice(delivered), ...queue];
      if (queue.length > 0) schedule();
    }
  }

  return {
    transport() {
      const own = new Map<string, Handler>();
      let open = true;
      const drop = (name: string, handler: Handler): void => {
        own.delete(name);
        if (handlers.get(name) === handler) handlers.delete(name);
      };
      return {
        maxPayloadBytes: loopbackPayloadBytes,
        connected: () => open,
        send(to, payload) {
          if (!open || Buffer.byteLength(payload) > loopbackPayloadBytes) return false;
          queue.push({ to, payload });
          schedule();
          return true;
        },
        async subscribe(self, handler): Promise<Subscription> {
          const taking: Handler = (payload) => handler(payload);
          handlers.set(self, taking);
          own.set(self, taking);
          return { unsubscribe: () => drop(self, taking) };
        },
        probe: (to) =>
          new Promise<ProbeResult>((resolve) => {
            clock.soon(() => resolve(handlers.has(to) ? "answered" : "no-responders"));
          }),
        flush: () => new Promise((resolve) => clock.soon(resolve)),
        onStatus() {},
        async close() {
          open = false;
          for (const [name, handler] of own) drop(name, handler);
        },
      };
    },
  };
}
