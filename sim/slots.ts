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
  #read = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** As of the last look. */
  get held(): readonly HeldSlot[] {
    return this.#held;
  }

  /** Looks again. */
  async refresh(): Promise<void> {
    const { accepted, primary } = this.#world.store;
    for (; this.#read < accepted.length; this.#read++) {
      const entry = accepted[this.#read];
      if (entry?.kind !== "commit") continue;
      for (const write of entry.commit.writes)
        if (write.op === "set" && write.field.startsWith(agentFields.slot))
          this.#sessions.set(write.entity, entry.commit.shard);
    }
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
