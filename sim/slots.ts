import { agentFields, restoreAgent } from "../actors/session-agent-state.ts";
import { decodeAddress } from "../actors/address.ts";
import type { HeldSlot } from "./checkers/slots.ts";
import type { World } from "./world/world.ts";

/** Reads the truth about agents: the slots that the store says are taken. */
export class SlotReader {
  readonly #world: World;
  /** Sessions that ever took a slot, with their shards. */
  readonly #sessions = new Map<string, number>();
  #held: readonly HeldSlot[] = [];

  constructor(world: World) {
    this.#world = world;
    world.store.onWritten((write, shard) => {
      if (write.op === "set" && write.field.startsWith(agentFields.slot))
        this.#sessions.set(write.entity, shard);
    });
  }

  /** As of the last look. */
  get held(): readonly HeldSlot[] {
    return this.#held;
  }

  /** Looks again. */
  async refresh(): Promise<void> {
    const { primary } = this.#world.store;
    const sessions = [...this.#sessions].map(([entity, shard]) => ({ shard, entity }));
    const records = await primary.load(sessions);
    this.#held = sessions.flatMap(({ entity }, i) => {
      const address = decodeAddress(entity);
      if (address === undefined) return [];
      const { user, slots } = restoreAgent(address, records[i] ?? {});
      return Object.entries(slots).map(([assignment, { conv }]) => ({ agent: user, assignment, conv }));
    });
  }
}
