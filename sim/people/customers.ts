/**
 * All customers of a run. Role: who they are, some with a second, quiet device, some with one page after the other.
 * Boundary: what they do on a page is visitor.ts, what they do to it habits.ts; the crowd makes their devices.
 */
import { supportConversation, type UserId } from "../../protocol/ids.ts";
import type { Settings } from "../settings.ts";
import { Stream } from "../world/chance.ts";
import type { World } from "../world/world.ts";
import type { Browser } from "./browser.ts";
import type { Device } from "./device.ts";
import { turnPages } from "./habits.ts";
import { Pages } from "./pages.ts";
import { channelOf } from "./tenant.ts";
import { visit, type VisitorHabits } from "./visitor.ts";

/** Refusals of a message that a conversation's life explains. */
const explained: ReadonlySet<string> = new Set(["WRONG_STATE", "STOPPED"]);
const secondDevices = 0.15;

/** What is a customer's own on each page. */
type Customer = Omit<VisitorHabits, "returning" | "over" | "onRefusal">;

/** A customer with a conversation from before the run: the user id, and the conversation's channel. */
export interface Returning {
  readonly user: string;
  readonly channel: string;
}

/** What the crowd does for its customers. */
export interface CustomerParts {
  /** Makes a device. @param browser of a page that is one of several */
  come(user: string, name: string, browser?: Browser): Device;
  /** Whether it is time to be silent. */
  over(): boolean;
  /** A message was refused, as none may be. */
  refused(device: Device, code: string): void;
  /** Hears when a life ends in an error. */
  watch(who: string, life: Promise<unknown>): void;
}

/** The customers. */
export class Customers {
  readonly #world: World;
  readonly #settings: Settings;
  readonly #parts: CustomerParts;
  /** Of those who turn them. */
  readonly #pages: Pages[] = [];

  constructor(world: World, settings: Settings, parts: CustomerParts) {
    this.#world = world;
    this.#settings = settings;
    this.#parts = parts;
  }

  /** Those who have a conversation with the robot from before the run. */
  returning(): readonly Returning[] {
    const { users, human } = this.#settings;
    if (!this.#returns) return [];
    return Array.from({ length: users }, (_, i) => i)
      .filter((i) => new Stream(this.#world.seed, `visitor/${i}`).next() >= human)
      .map((i) => ({ user: `u${i}`, channel: this.#channel(i, false) }));
  }

  /** Customer i comes; the answer is the first device. */
  come(i: number, name = `u${i}`): Device {
    const { human, talking, thinkMs, bursts, reloads, storm } = this.#settings;
    const { seed } = this.#world;
    const chance = new Stream(seed, `visitor/${name.slice(1)}`);
    const wantsHuman = chance.next() < human;
    const hasSecond = chance.next() < secondDevices * talking && storm === undefined;
    const lots = new Stream(seed, `bursts/${name}`);
    const customer: Customer = {
      channel: this.#channel(i, wantsHuman),
      earlier: this.#returns && !wantsHuman ? supportConversation(`u${i}` as UserId, 1) : undefined,
      memory: { conv: undefined },
      human: wantsHuman,
      thinkMs: chance.next() < talking ? thinkMs : undefined,
      bursts: lots.next() < bursts ? lots : undefined,
    };
    const turns = new Stream(seed, `pages/${name}`);
    const come = (own: string, browser?: Browser): Device => this.#parts.come(`u${i}`, own, browser);
    // Where a storm was recorded, its pages come and go as they did.
    const turnsPages = turns.next() < reloads && storm === undefined;
    const device = turnsPages ? this.#turn(name, customer, turns, come) : come(name);
    if (hasSecond) come(`u${i}-second`);
    this.#live(device, customer, chance);
    return device;
  }

  /** Nobody begins anything any more: whoever left something on a page that has closed comes back for it. */
  settle(): void {
    for (const pages of this.#pages) pages.settle();
  }

  /** What closed pages have left that is not sent yet, in words. */
  lacks(): string[] {
    return this.#pages.flatMap((pages) => pages.lacks());
  }

  /** The first page of a customer who goes on to others. */
  #turn(
    name: string,
    customer: Customer,
    turns: Stream,
    come: (name: string, browser: Browser) => Device,
  ): Device {
    const { seed, scheduler } = this.#world;
    const pages = new Pages(name, (number, browser) => {
      if (number === 1) return come(name, browser);
      const page = come(`${name}-${number}`, browser);
      this.#live(page, customer, new Stream(seed, `visitor/${page.name.slice(1)}`));
      return page;
    });
    this.#pages.push(pages);
    const first = pages.open();
    const over = (): boolean => this.#parts.over();
    this.#parts.watch(name, turnPages(pages, scheduler, turns, over));
    return first;
  }

  /** A customer lives on a page. */
  #live(device: Device, customer: Customer, chance: Stream): void {
    const habits = {
      ...customer,
      returning: this.#settings.returning,
      over: () => this.#parts.over() || device.gone,
      onRefusal: (code: string) => {
        if (!explained.has(code)) this.#parts.refused(device, code);
      },
    };
    device.process.enter(() => {
      const life = visit(device, habits, chance).catch((error: unknown) => {
        // Who closes the page waits for nothing.
        if (!device.gone) throw error;
      });
      this.#parts.watch(device.name, life);
    });
  }

  /** Whether there was anything before the run. */
  get #returns(): boolean {
    const { earlier, storm, members } = this.#settings;
    return earlier === "stored" && storm === undefined && members === 0;
  }

  #channel(i: number, wantsHuman: boolean): string {
    return channelOf(i % this.#settings.desks, !wantsHuman);
  }
}
