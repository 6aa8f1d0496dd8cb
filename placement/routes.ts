import type { NodeRun, Route } from "./hosting.ts";
import { sameRun, type ShardTable } from "./shard-table.ts";

/**
 * Where each shard's messages go, as far as this node knows.
 *
 * Invariant: per shard the epoch never falls; at equal epochs the table is believed.
 */
export class Routes {
  private readonly routes: (Route | undefined)[];
  private readonly handlers: ((shards: readonly number[]) => void)[] = [];

  constructor(shards: number) {
    this.routes = Array.from({ length: shards }, () => undefined);
  }

  /** Undefined while nobody owns it. */
  route(shard: number): Route | undefined {
    return this.routes[shard];
  }

  /** Calls back with the shards whose route changed. */
  onRoutes(handler: (shards: readonly number[]) => void): void {
    this.handlers.push(handler);
  }

  /** Takes over what the table says, except where a higher epoch is known. */
  take(table: ShardTable): void {
    const changed: number[] = [];
    for (const [shard, entry] of table.shards.entries()) {
      const known = this.routes[shard];
      if (known !== undefined && known.epoch > entry.epoch) continue;
      const state = entry.kind;
      if (known?.epoch === entry.epoch && known.state === state && sameRun(known.owner, entry.owner))
        continue;
      this.routes[shard] = { owner: entry.owner, epoch: entry.epoch, state };
      changed.push(shard);
    }
    this.tell(changed);
  }

  /**
   * Another node said who owns the shard.
   * @returns whether that was news: the epoch is higher than the known one
   */
  correct(shard: number, owner: NodeRun, epoch: number): boolean {
    if (shard < 0 || shard >= this.routes.length) return false;
    if (epoch <= (this.routes[shard]?.epoch ?? 0)) return false;
    this.routes[shard] = { owner, epoch, state: "stable" };
    this.tell([shard]);
    return true;
  }

  private tell(changed: readonly number[]): void {
    if (changed.length === 0) return;
    for (const handler of this.handlers) handler(changed);
  }
}
