/**
 * The simulated transport between nodes, through a bus as NATS is one. Boundary: fates are decided by ways and weather.
 * Invariants: no handler runs inside `send`; a payload reaches only a subscription that is in force when it arrives; a
 * crashed process's subscriptions end with it, a paused one's stay.
 */
import type { ProbeResult, Transport } from "../../transport/transport.ts";
import type { Costs } from "./costs.ts";
import type { Process } from "./process.ts";
import { Uplink, type Server } from "./uplink.ts";
import { Way, type Distance, type WayParts } from "./way.ts";

/** What the network of a world is made of. */
export interface NetworkParts extends WayParts {
  readonly bus: Server;
  readonly costs: Costs;
  readonly distance: Distance;
}

interface Subscriber {
  readonly process: Process;
  readonly handler: (payload: string) => void;
}

const payloadBytes = 1_048_576;

/** The network between the nodes of one world. */
export class Network {
  readonly #parts: NetworkParts;
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #ways = new Map<string, Way>();
  /** Payloads that were handed over. */
  payloads = 0;

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  /** The transport of one process. */
  transport(process: Process): Transport {
    const uplink = new Uplink(process, this.#parts.sky, this.#parts.bus);
    const own = new Map<string, Subscriber>();
    const drop = (subject: string, subscriber: Subscriber): void => {
      if (this.#subscribers.get(subject) === subscriber) this.#subscribers.delete(subject);
    };
    const dropAll = (): void => {
      for (const [subject, subscriber] of own) drop(subject, subscriber);
    };
    process.atEnd(dropAll);
    return {
      maxPayloadBytes: payloadBytes,
      connected: () => uplink.up,
      send: (to, payload) => {
        if (!uplink.up || process.dead || tooLarge(payload)) return false;
        this.#send(process, to, payload);
        return true;
      },
      subscribe: async (self, handler) => {
        const subscriber = { process, handler };
        this.#subscribers.set(self, subscriber);
        own.set(self, subscriber);
        return { unsubscribe: () => drop(self, subscriber) };
      },
      probe: (to, boundMs) => this.#probe(process, uplink, to, boundMs),
      flush: () => new Promise((resolve) => void process.clock.soon(resolve)),
      onStatus: (handler) => uplink.onStatus(handler),
      close: async () => {
        uplink.close();
        dropAll();
      },
    };
  }

  #send(from: Process, to: string, payload: string): void {
    this.payloads++;
    const { costs } = this.#parts;
    const costMs = costs.batchMs + (payload.length / 1024) * costs.kilobyteMs;
    from.spend(costMs);
    const subscriber = this.#subscribers.get(to);
    if (subscriber === undefined || !this.#passes(from.name, to)) return;
    const deliver = (): void => {
      if (this.#subscribers.get(to)?.process === subscriber.process)
        this.#subscribers.get(to)?.handler(payload);
    };
    this.#way(from.name, to).carry(from, subscriber.process, payload, deliver, costMs);
  }

  /** Answered by whoever holds the subscription, or at once by the bus when nobody does. */
  #probe(from: Process, uplink: Uplink, to: string, boundMs: number): Promise<ProbeResult> {
    return new Promise((resolve) => {
      const cancel = from.clock.after(boundMs, () => resolve("silent"));
      const answer = (result: ProbeResult): void => {
        cancel();
        resolve(result);
      };
      if (!uplink.up || !this.#parts.sky.open(from.name, this.#parts.bus.party)) return;
      const subscriber = this.#subscribers.get(to);
      if (subscriber === undefined) {
        from.at(from.departure + 2 * this.#parts.distance.delayMs, () => answer("no-responders"));
        return;
      }
      if (!this.#passes(from.name, to)) return;
      const { process } = subscriber;
      this.#way(from.name, to).carry(from, process, "probe", () => {
        if (this.#passes(to, from.name))
          this.#way(to, from.name).carry(process, from, "here", () => answer("answered"));
      });
    });
  }

  #passes(from: string, to: string): boolean {
    const { sky, bus } = this.#parts;
    return !bus.down && !sky.between(from, bus.party).blocked && !sky.between(bus.party, to).blocked;
  }

  #way(from: string, to: string): Way {
    const name = `${from}>${to}`;
    let way = this.#ways.get(name);
    if (way === undefined)
      this.#ways.set(name, (way = new Way(this.#parts, from, to, name, this.#parts.distance)));
    return way;
  }
}

function tooLarge(payload: string): boolean {
  return payload.length * 3 > payloadBytes && Buffer.byteLength(payload) > payloadBytes;
}
