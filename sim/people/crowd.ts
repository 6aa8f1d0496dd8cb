/**
 * All people of a run: visitors, some with a second, quiet device, and agents. Role: lets them arrive, says when they
 * have caught up. Boundary: what single people do is in visitor.ts and agent.ts.
 */
import { visibleTo, type LogEvent } from "../../protocol/events.ts";
import type { History } from "../history.ts";
import type { Settings } from "../settings.ts";
import { Stream } from "../world/chance.ts";
import type { World } from "../world/world.ts";
import { forgotten } from "./forgotten.ts";
import { work } from "./agent.ts";
import { Device, type DeviceParts } from "./device.ts";
import type { WireTally } from "./tap.ts";
import { channelOf } from "./tenant.ts";
import { visit } from "./visitor.ts";

/** Refusals of a message that a conversation's life explains. */
const explained: ReadonlySet<string> = new Set(["WRONG_STATE", "STOPPED"]);
const agentThinkMs = 1500;
const secondDevices = 0.15;

/** Everybody. */
export class Crowd {
  readonly devices: Device[] = [];
  readonly tally: WireTally = { duplicates: 0, refused: 0, frames: 0 };
  readonly recoveries: number[] = [];
  readonly #world: World;
  readonly #settings: Settings;
  readonly #parts: DeviceParts;
  readonly #history: History;
  #over = false;

  constructor(world: World, settings: Settings, history: History) {
    this.#world = world;
    this.#settings = settings;
    this.#history = history;
    this.#parts = { world, history, tally: this.tally, recoveries: this.recoveries };
  }

  /** Lets everybody come within the time that the settings give. */
  arrive(): void {
    const { agents, users, arriveSeconds } = this.#settings;
    const { scheduler } = this.#world;
    for (let i = 0; i < agents; i++) scheduler.schedule(scheduler.now, undefined, () => this.#agent(i));
    const chance = new Stream(this.#world.seed, "arrivals");
    for (let i = 0; i < users; i++) {
      const at = scheduler.now + chance.next() * arriveSeconds * 1000;
      scheduler.schedule(at, undefined, () => this.#visitor(i));
    }
  }

  /** From now on nobody begins anything. */
  hush(): void {
    this.#over = true;
  }

  /** Everybody goes. */
  leave(): void {
    for (const device of this.devices) device.stop();
  }

  /** Changes the network of a share of the devices. */
  switchNetworks(share: number, chance: Stream): void {
    this.devices.forEach((device, i) => {
      if (chance.at(i) < share) device.changeNetwork();
    });
  }

  /** How many devices are online. */
  online(): number {
    return this.devices.filter(({ client }) => client.state.state === "online").length;
  }

  /**
   * Why somebody has not caught up yet, for at most `most` of them; empty when all have.
   * @param logs the logs as the store holds them
   */
  behind(logs: ReadonlyMap<string, readonly LogEvent[]>, most: number): string[] {
    const found: string[] = [];
    for (const device of this.devices) {
      if (found.length >= most) break;
      const { client } = device;
      if (client.state.state !== "online") found.push(`${device.name} is ${client.state.state}`);
      else if (client.unanswered > 0) found.push(`${device.name} waits for ${client.unanswered} answers`);
      else found.push(...this.#lacks(device, logs));
    }
    if (found.length === 0) found.push(...forgotten(this.#settings, logs));
    return found.slice(0, most);
  }

  #lacks(device: Device, logs: ReadonlyMap<string, readonly LogEvent[]>): string[] {
    return device.client.conversations.flatMap(({ conv }) => {
      const end = logs.get(conv)?.findLast((event) => visibleTo(event, device.seen.audience))?.seq ?? 0;
      const at = device.client.cursor(conv)?.[0] ?? 0;
      return at === end ? [] : [`${device.name} holds ${conv} up to ${at} of ${end}`];
    });
  }

  #agent(i: number): void {
    const { desks } = this.#settings;
    const device = new Device(this.#parts, "agent", `agent${i}`, `agent${i}`);
    this.devices.push(device);
    const habits = {
      thinkMs: agentThinkMs,
      closes: 0.04,
      transfers: 0.03,
      notes: 0.05,
      desks: Array.from({ length: desks }, (_, d) => `d${d}`),
      over: () => this.#over,
    };
    device.process.enter(() => {
      this.#watch(device, work(device, habits, new Stream(this.#world.seed, `agent/${i}`)));
    });
  }

  #visitor(i: number): void {
    const { desks, human, talking, thinkMs } = this.#settings;
    const chance = new Stream(this.#world.seed, `visitor/${i}`);
    const wantsHuman = chance.next() < human;
    const device = new Device(this.#parts, "visitor", `u${i}`, `u${i}`);
    this.devices.push(device);
    if (chance.next() < secondDevices * talking)
      this.devices.push(new Device(this.#parts, "visitor", `u${i}`, `u${i}-second`));
    const habits = {
      channel: channelOf(i % desks, !wantsHuman),
      human: wantsHuman,
      thinkMs: chance.next() < talking ? thinkMs : undefined,
      over: () => this.#over,
      onRefusal: (code: string) => {
        if (!explained.has(code))
          this.#history.violate("NoLostAck", `${device.name} was refused with ${code}`);
      },
    };
    device.process.enter(() => {
      this.#watch(device, visit(device, habits, chance));
    });
  }

  #watch(device: Device, life: Promise<unknown>): void {
    life.catch((error: unknown) => {
      this.#history.violate("NoLostAck", `${device.name} gave up: ${String(error)}`);
    });
  }
}
