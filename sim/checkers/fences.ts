import type { Checker } from "./evidence.ts";

/** FenceMonotone and EpochOwnerUnique of what the store accepted; what it forgot it may be told again, and no more. */
export const checkFences: Checker = ({ history, accepted }) => {
  let fences = new Map<number, { readonly epoch: number; readonly owner: string }>();
  const owners = new Map<string, string>();
  for (const entry of accepted) {
    if (entry.kind === "forgot") {
      fences = new Map(entry.fences);
      continue;
    }
    const { owner } = entry;
    const { shard, epoch } = entry.kind === "claim" ? entry : entry.commit;
    const fence = fences.get(shard);
    if (fence !== undefined && epoch < fence.epoch)
      history.violate(
        "FenceMonotone",
        `shard ${shard}: ${entry.kind} of epoch ${epoch} after ${fence.epoch}`,
      );
    const first = owners.get(`${shard}.${epoch}`);
    if (first === undefined) owners.set(`${shard}.${epoch}`, owner);
    else if (first !== owner)
      history.violate("EpochOwnerUnique", `shard ${shard}, epoch ${epoch}: ${first} and ${owner}`);
    fences.set(shard, { epoch, owner });
  }
};
