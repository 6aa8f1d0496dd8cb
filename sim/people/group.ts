/**
 * One large group. Role: its founder creates it and speaks, the users enter and some of them speak too; everybody else
 * is a member in the store and never comes. Boundary: a `create` names at most `maxInvited` members and joins are single
 * commands, so a million of them are not sent: those who stay away are put into the store (world/large-set.ts).
 */
import { sleep } from "../../base/clock.ts";
import { conversationAddress, encodeAddress, shardOf } from "../../actors/address.ts";
import type { ConversationId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import type { Settings } from "../settings.ts";
import { Stream } from "../world/chance.ts";
import { LargeSet } from "../world/large-set.ts";
import type { World } from "../world/world.ts";
import type { Device } from "./device.ts";
import { tenantId } from "./tenant.ts";

/** A message was refused, as none of a member may be. */
type OnRefusal = (device: Device, code: string) => void;

/** A group and those of its members who are online. */
export class Group {
  readonly #world: World;
  readonly #settings: Settings;
  readonly #come: (user: string) => Device;
  readonly #over: () => boolean;
  readonly #onRefusal: OnRefusal;
  readonly #present: Device[] = [];
  #conv: ConversationId | undefined;

  /** @param come makes the device of that member of the staff */
  constructor(
    world: World,
    settings: Settings,
    come: (user: string) => Device,
    over: () => boolean,
    onRefusal: OnRefusal,
  ) {
    this.#world = world;
    this.#settings = settings;
    this.#come = come;
    this.#over = over;
    this.#onRefusal = onRefusal;
  }

  /**
   * The founder comes at once and founds; member i comes after `times[i]` ms. The first of them are invited, the others
   * enter by themselves.
   */
  async gather(times: readonly number[]): Promise<void> {
    const { scheduler } = this.#world;
    const { members, shards } = this.#settings;
    const from = scheduler.now;
    const founder = this.#come("founder");
    this.#present.push(founder);
    const invited = Math.min(limits.maxInvited, Math.floor(times.length / 2));
    const names = Array.from({ length: invited }, (_, i) => nameOf(i));
    const conv = (await founder.client.create("Everybody", names)) as ConversationId;
    const address = conversationAddress(tenantId, conv);
    const rest = { shard: shardOf(address, shards), set: encodeAddress(address), prefix: `a.${nameOf("")}` };
    this.#world.store.furnish((store) => new LargeSet(rest, times.length, members).over(store));
    this.#conv = conv;
    this.#live(founder, founder.process.name, true);
    times.forEach((inMs, i) => {
      scheduler.schedule(from + inMs, undefined, () => this.#arrive(i, conv, i < invited));
    });
  }

  /** Members who came and do not follow the group; empty when all do. */
  absent(): string[] {
    const conv = this.#conv;
    if (conv === undefined) return ["the group is not founded"];
    return this.#present.flatMap(({ name, client }) =>
      client.cursor(conv) === undefined ? [`${name} does not follow the group`] : [],
    );
  }

  #arrive(i: number, conv: ConversationId, invited: boolean): void {
    const device = this.#come(nameOf(i));
    this.#present.push(device);
    if (!invited) void device.process.enter(() => device.client.join(conv));
    this.#live(device, `member/${i}`, false);
  }

  #live(device: Device, stream: string, speaks: boolean): void {
    const chance = new Stream(this.#world.seed, stream);
    if (chance.next() >= this.#settings.talking && !speaks) return;
    void device.process.enter(() => this.#speak(device, chance));
  }

  async #speak(device: Device, chance: Stream): Promise<void> {
    const { process, client, tab } = device;
    while (!this.#over()) {
      await sleep(process.clock, chance.exponential(this.#settings.thinkMs));
      await tab.shown();
      const conv = this.#conv;
      if (this.#over() || conv === undefined || client.cursor(conv) === undefined) continue;
      const refused = await device.say(conv);
      if (refused !== undefined && refused !== "STOPPED") this.#onRefusal(device, refused);
    }
  }
}

function nameOf(member: number | ""): string {
  return `m${member}`;
}
