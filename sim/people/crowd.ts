/**
 * All people of a run: customers, some with a second, quiet device, and agents; or the members of one large group. Role:
 * lets them arrive and go, says when they have caught up. Boundary: who the customers are is in customers.ts, what single people do in
 * visitor.ts, agent.ts and group.ts, what they do to their devices in habits.ts.
 */
import { visibleTo, type LogEvent } from "../../protocol/events.ts";
import type { Role } from "../../protocol/ids.ts";
import type { History } from "../history.ts";
import { perform } from "../import/perform.ts";
import type { Settings } from "../settings.ts";
import { Stream } from "../world/chance.ts";
import type { World } from "../world/world.ts";
import { goHome, work } from "./agent.ts";
import { arrivalTimes } from "./arrivals.ts";
import type { Browser } from "./browser.ts";
import { Customers, type Returning } from "./customers.ts";
import { Device, type DeviceParts } from "./device.ts";
import { forgotten } from "./forgotten.ts";
import { Group } from "./group.ts";
import { lookAway, roam } from "./habits.ts";
import { shiftOf } from "./shifts.ts";
import { newTally } from "./tap.ts";

const agentThinkMs = 1500;

/** Everybody. */
export class Crowd {
  /** Who came, by their numbers in the order of coming; a page that has closed is gone from here, and from memory. */
  readonly #devices = new Map<number, Device>();
  #count = 0;
  readonly tally = newTally();
  readonly recoveries: number[] = [];
  readonly #world: World;
  readonly #settings: Settings;
  readonly #parts: DeviceParts;
  readonly #history: History;
  readonly #customers: Customers;
  readonly #group: Group | undefined;
  /** Ids of the agents whose shift lasts. */
  readonly #onDuty = new Set<string>();
  /** Where the last look found somebody who was behind. */
  #behindAt = 0;
  #over = false;

  /** @param environmentThrough stands between each device's SDK and its environment */
  constructor(
    world: World,
    settings: Settings,
    history: History,
    environmentThrough: DeviceParts["environmentThrough"] = (own) => own,
  ) {
    this.#world = world;
    this.#settings = settings;
    this.#history = history;
    this.#parts = { world, history, tally: this.tally, recoveries: this.recoveries, environmentThrough };
    const over = (): boolean => this.#over;
    const refused = (device: Device, code: string): void => this.#refused(device, code);
    this.#customers = new Customers(world, settings, {
      come: (user, name, browser) => this.#come("visitor", user, name, browser),
      over,
      refused,
      watch: (who, life) => this.#watch(who, life),
    });
    if (settings.members > 0) {
      const come = (user: string): Device => this.#come("agent", user, user);
      this.#group = new Group(world, settings, come, over, refused);
    }
  }

  /** All devices, in the order of coming; of a customer's pages those that are open. */
  get devices(): readonly Device[] {
    return [...this.#devices.values()];
  }

  /** How many these are. */
  get size(): number {
    return this.#devices.size;
  }

  /** Customers who have a conversation with the robot from before the run. */
  returning(): readonly Returning[] {
    return this.#customers.returning();
  }

  /** Lets everybody come within the time that the settings give. */
  arrive(): void {
    const { agents, storm } = this.#settings;
    if (storm !== undefined) {
      const come = (role: Role, i: number, name: string): Device =>
        role === "visitor" ? this.#customers.come(i, name) : this.#agent(i);
      return perform(this.#world, storm, come);
    }
    for (let i = 0; i < agents; i++) this.#employ(i);
    const times = arrivalTimes(this.#settings, new Stream(this.#world.seed, "arrivals"));
    if (this.#group !== undefined) return this.#watch("the group", this.#group.gather(times));
    times.forEach((inMs, i) => this.#later(inMs, () => this.#customers.come(i)));
  }

  /** From now on nobody begins anything, and everybody looks at the page, where there is a network. */
  hush(): void {
    this.#over = true;
    this.#customers.settle();
    for (const device of this.#devices.values()) device.settle();
  }

  /** Everybody goes. */
  leave(): void {
    for (const device of this.#devices.values()) device.stop();
  }

  /** Changes the network of a share of the devices. */
  switchNetworks(share: number, chance: Stream): void {
    for (const [number, device] of this.#devices) if (chance.at(number) < share) device.changeNetwork();
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
    const { devices } = this;
    for (let seen = 0; seen < devices.length && found.length < most; seen++) {
      // Who was behind at the last look is asked first.
      const at = (this.#behindAt + seen) % devices.length;
      const device = devices[at];
      if (device === undefined) continue;
      const { client } = device;
      if (device.gone) continue;
      if (client.state.state !== "online") found.push(`${device.name} is ${client.state.state}`);
      else if (client.unanswered > 0) found.push(`${device.name} waits for ${client.unanswered} answers`);
      else found.push(...this.#lacks(device, logs));
      if (found.length === 1) this.#behindAt = at;
    }
    if (found.length === 0) {
      found.push(...forgotten(this.#settings, logs, (agent) => this.#onDuty.has(agent)));
      found.push(...(this.#group?.absent() ?? []));
      found.push(...this.#customers.lacks());
    }
    return found.slice(0, most);
  }

  #lacks(device: Device, logs: ReadonlyMap<string, readonly LogEvent[]>): string[] {
    return device.client.conversations.flatMap(({ conv }) => {
      const end = logs.get(conv)?.findLast((event) => visibleTo(event, device.seen.audience))?.seq ?? 0;
      const at = device.client.cursor(conv)?.[0] ?? 0;
      return at === end ? [] : [`${device.name} holds ${conv} up to ${at} of ${end}`];
    });
  }

  /** A customer's or member's device comes, with the habits of its owner. */
  #come(role: Role, user: string, name: string, browser?: Browser): Device {
    const { background, mobile } = this.#settings;
    const { seed, scheduler } = this.#world;
    const device = this.#enter(role, user, name, browser);
    const over = (): boolean => this.#over || device.gone;
    const chance = new Stream(seed, `habits/${name}`);
    const [looksAway, roams] = [chance.next() < background, chance.next() < mobile];
    if (looksAway)
      this.#watch(name, lookAway(device, scheduler, new Stream(seed, `habits/${name}/tab`), over));
    if (roams) this.#watch(name, roam(device, scheduler, new Stream(seed, `habits/${name}/network`), over));
    return device;
  }

  #enter(role: Role, user: string, name: string, browser?: Browser): Device {
    const number = this.#count++;
    const device = new Device(this.#parts, role, user, name, browser, () => {
      this.#devices.delete(number);
    });
    this.#devices.set(number, device);
    return device;
  }

  #employ(i: number): void {
    const { from, until } = shiftOf(this.#settings, i);
    const chaosMs = this.#settings.arriveSeconds * 1000;
    this.#later(Math.max(0, chaosMs + from * 1000), () => {
      if (this.#over) return;
      const device = this.#agent(i);
      if (until < Infinity)
        this.#later(chaosMs + until * 1000 - Math.max(0, chaosMs + from * 1000), () =>
          this.#dismiss(device, i),
        );
    });
  }

  #agent(i: number): Device {
    const { desks, closes } = this.#settings;
    const id = `agent${i}`;
    const device = this.#enter("agent", id, id);
    this.#onDuty.add(id);
    const habits = {
      thinkMs: agentThinkMs,
      closes,
      transfers: 0.03,
      notes: 0.05,
      desks: Array.from({ length: desks }, (_, d) => `d${d}`),
      over: () => this.#over,
      onDuty: () => this.#onDuty.has(id),
      onRefusal: (code: string) => this.#refused(device, code),
    };
    device.process.enter(() => {
      this.#watch(id, work(device, habits, new Stream(this.#world.seed, `agent/${i}`)));
    });
    return device;
  }

  #dismiss(device: Device, i: number): void {
    if (this.#over) return;
    this.#onDuty.delete(device.user);
    const walksOut = new Stream(this.#world.seed, `shift/${i}`).next() < this.#settings.walkOut;
    if (walksOut) device.stop();
    else device.process.enter(() => this.#watch(device.name, goHome(device)));
  }

  #refused(device: Device, code: string): void {
    this.#history.violate("NoLostAck", `${device.name} was refused with ${code}`);
  }

  #later(inMs: number, run: () => void): void {
    const { scheduler } = this.#world;
    scheduler.schedule(scheduler.now + inMs, undefined, run);
  }

  #watch(who: string, life: Promise<unknown>): void {
    life.catch((error: unknown) => {
      this.#history.violate("NoLostAck", `${who} gave up: ${String(error)}`);
    });
  }
}
