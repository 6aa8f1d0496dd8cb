import type { History } from "../history.ts";
import type { Accepted } from "../world/store-server.ts";

/** FenceMonotone and EpochOwnerUnique of what the store accepted; what it forgot it may be told again, and no more. */
export class FenceBook {
  readonly #history: History;
  #fences = new Map<number, { readonly epoch: number; readonly owner: string }>();
  readonly #owners = new Map<string, string>();

  constructor(history: History) {
    this.#history = history;
  }

  /** Takes the next entry. */
  take(entry: Accepted): void {
    if (entry.kind === "forgot") {
      this.#fences = new Map(entry.fences);
      return;
    }
    const { owner } = entry;
    const { shard, epoch } = entry.kind === "claim" ? entry : entry.commit;
    const fence = this.#fences.get(shard);
    if (fence !== undefined && epoch < fence.epoch)
      this.#history.violate(
        "FenceMonotone",
        `shard ${shard}: ${entry.kind} of epoch ${epoch} after ${fence.epoch}`,
      );
    const first = this.#owners.get(`${shard}.${epoch}`);
    if (first === undefined) this.#owners.set(`${shard}.${epoch}`, owner);
    else if (first !== owner)
      this.#history.violate("EpochOwnerUnique", `shard ${shard}, epoch ${epoch}: ${first} and ${owner}`);
    this.#fences.set(shard, { epoch, owner });
  }
}
