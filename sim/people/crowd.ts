/**
 * All people of a run: customers, some with a second, quiet device, and agents; or the members of one large group. Role:
 * lets them arrive and go, says when they have caught up. Boundary: what single people do is in visitor.ts, agent.ts and
 * group.ts, what they do to their devices in habits.ts.
 */
import { visibleTo, type LogEvent } from "../../protocol/events.ts";
import { supportConversation, type Role, type UserId } from "../../protocol/ids.ts";
import type { History } from "../history.ts";
import { perform } from "../import/perform.ts";
import type { Settings } from "../settings.ts";
import { Stream } from "../world/chance.ts";
import type { World } from "../world/world.ts";
import { goHome, work } from "./agent.ts";
import { arrivalTimes } from "./arrivals.ts";
import { Device, type DeviceParts } from "./device.ts";
import { forgotten } from "./forgotten.ts";
import { Group } from "./group.ts";
import { lookAway, roam } from "./habits.ts";
import { shiftOf } from "./shifts.ts";
import { newTally } from "./tap.ts";
import { channelOf } from "./tenant.ts";
import { visit } from "./visitor.ts";

/** Refusals of a message that a conversation's life explains. */
const explained: ReadonlySet<string> = new Set(["WRONG_STATE", "STOPPED"]);
const agentThinkMs = 1500;
const secondDevices = 0.15;

/** Everybody. */
export class Crowd {
  readonly devices: Device[] = [];
  readonly tally = newTally();
  readonly recoveries: number[] = [];
  readonly #world: World;
  readonly #settings: Settings;
  readonly #parts: DeviceParts;
  readonly #history: History;
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
    if (settings.members > 0) {
      const come = (user: string): Device => this.#come("agent", user, user);
      const over = (): boolean => this.#over;
      this.#group = new Group(world, settings, come, over, (device, code) => this.#refused(device, code));
    }
  }

  /** Customers who have a conversation with the robot from before the run. */
  returning(): { readonly user: string; readonly channel: string }[] {
    const { users, human } = this.#settings;
    if (!this.#returns) return [];
    return Array.from({ length: users }, (_, i) => i)
      .filter((i) => new Stream(this.#world.seed, `visitor/${i}`).next() >= human)
      .map((i) => ({ user: `u${i}`, channel: this.#channel(i, false) }));
  }

  /** Lets everybody come within the time that the settings give. */
  arrive(): void {
    const { agents, storm } = this.#settings;
    if (storm !== undefined) {
      const come = (role: Role, i: number, name: string): Device =>
        role === "visitor" ? this.#visitor(i, name) : this.#agent(i);
      return perform(this.#world, storm, come);
    }
    for (let i = 0; i < agents; i++) this.#employ(i);
    const times = arrivalTimes(this.#settings, new Stream(this.#world.seed, "arrivals"));
    if (this.#group !== undefined) return this.#watch("the group", this.#group.gather(times));
    times.forEach((inMs, i) => this.#later(inMs, () => this.#visitor(i)));
  }

  /** From now on nobody begins anything, and everybody looks at the page, where there is a network. */
  hush(): void {
    this.#over = true;
    for (const device of this.devices) device.settle();
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
    for (let seen = 0; seen < this.devices.length && found.length < most; seen++) {
      // Who was behind at the last look is asked first.
      const at = (this.#behindAt + seen) % this.devices.length;
      const device = this.devices[at];
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
  #come(role: Role, user: string, name: string): Device {
    const { background, mobile } = this.#settings;
    const { seed, scheduler } = this.#world;
    const device = new Device(this.#parts, role, user, name);
    this.devices.push(device);
    const over = (): boolean => this.#over;
    const chance = new Stream(seed, `habits/${name}`);
    const [looksAway, roams] = [chance.next() < background, chance.next() < mobile];
    if (looksAway)
      this.#watch(name, lookAway(device, scheduler, new Stream(seed, `habits/${name}/tab`), over));
    if (roams) this.#watch(name, roam(device, scheduler, new Stream(seed, `habits/${name}/network`), over));
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
    const device = new Device(this.#parts, "agent", id, id);
    this.devices.push(device);
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

  /** Whether there was anything before the run. */
  get #returns(): boolean {
    const { earlier, storm, members } = this.#settings;
    return earlier === "stored" && storm === undefined && members === 0;
  }

  #channel(i: number, wantsHuman: boolean): string {
    return channelOf(i % this.#settings.desks, !wantsHuman);
  }

  #visitor(i: number, name = `u${i}`): Device {
    const { human, talking, thinkMs, bursts, returning, storm } = this.#settings;
    const chance = new Stream(this.#world.seed, `visitor/${name.slice(1)}`);
    const wantsHuman = chance.next() < human;
    const device = this.#come("visitor", `u${i}`, name);
    const lots = new Stream(this.#world.seed, `bursts/${name}`);
    if (chance.next() < secondDevices * talking && storm === undefined)
      this.#come("visitor", `u${i}`, `u${i}-second`);
    const habits = {
      channel: this.#channel(i, wantsHuman),
      earlier: this.#returns && !wantsHuman ? supportConversation(`u${i}` as UserId, 1) : undefined,
      human: wantsHuman,
      thinkMs: chance.next() < talking ? thinkMs : undefined,
      bursts: lots.next() < bursts ? lots : undefined,
      returning,
      over: () => this.#over || device.gone,
      onRefusal: (code: string) => {
        if (!explained.has(code)) this.#refused(device, code);
      },
    };
    device.process.enter(() => {
      const life = visit(device, habits, chance).catch((error: unknown) => {
        // Who closes the page waits for nothing.
        if (!device.gone) throw error;
      });
      this.#watch(device.name, life);
    });
    return device;
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
