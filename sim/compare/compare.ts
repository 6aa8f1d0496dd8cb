/** Puts one design after the other through the same storm, each in a world of its own. */
import { messageOf } from "../../base/errors.ts";
import { usualCosts } from "../world/costs.ts";
import { World } from "../world/world.ts";
import type { Design } from "./design.ts";
import { broadcast } from "./designs/broadcast.ts";
import { master } from "./designs/master.ts";
import { modulo } from "./designs/modulo.ts";
import { ours } from "./designs/ours.ts";
import { registry, registryConditional } from "./designs/registry.ts";
import { ring } from "./designs/ring.ts";
import { Ground } from "./ground.ts";
import type { DesignResult, Outage } from "./measure.ts";
import { stormTimes, type Storm } from "./storm.ts";

/** All designs, in the order of the table. */
export const designs: readonly Design[] = [
  modulo,
  ring,
  registry,
  registryConditional,
  master,
  broadcast,
  ours,
];

/** What one design came to, and when its users got no messages; times are those of the storm. */
export interface Played {
  readonly design: Design;
  readonly result: DesignResult;
  readonly outages: readonly Outage[];
}

/** Until the nodes stand, before the storm begins: the same for all. */
const bootMs = 10_000;

/** Plays the storm with one design. @throws Error when code of the simulation failed */
export async function play(design: Design, storm: Storm): Promise<Played> {
  const errors: string[] = [];
  const world = new World({
    seed: storm.seed,
    costs: usualCosts,
    onError: (error, owner) => void errors.push(`${owner?.name ?? "the world"}: ${messageOf(error)}`),
  });
  const played = await world.run(async () => {
    const ground = new Ground(world, storm, design);
    ground.start(storm.names);
    await world.scheduler.sleep(bootMs);
    raise(ground, storm);
    await world.scheduler.sleep(stormTimes.endMs);
    const { measure } = ground;
    const result = measure.result(design.name, bootMs + stormTimes.endMs, world.digest.toString());
    const outages = measure
      .outages()
      .map(({ user, from, to }) => ({ user, from: from - bootMs, to: to - bootMs }));
    return { design, result, outages };
  });
  if (errors.length > 0) throw new Error(`${design.name}: ${errors.slice(0, 3).join("; ")}`);
  return played;
}

/** Lets everything happen when the storm says so. */
function raise(ground: Ground, { arrivals, intents, switches, victims, newcomer }: Storm): void {
  const { scheduler } = ground.world;
  const begin = scheduler.now;
  const at = (ms: number, run: () => void): void => void scheduler.schedule(begin + ms, undefined, run);
  const { measure, people } = ground;
  arrivals.forEach((ms, user) => at(ms, () => people[user]?.connect()));
  intents.forEach(({ at: ms, from, to }, id) => at(ms, () => people[from]?.say({ id, from, to })));
  for (const { at: ms, user, noticeMs } of switches) at(ms, () => people[user]?.changeNetwork(noticeMs));
  at(stormTimes.killMs, () => {
    measure.stage = "died";
    ground.kill(victims);
  });
  at(stormTimes.backMs, () => {
    measure.stage = "back";
    ground.start(victims);
  });
  at(stormTimes.joinMs, () => {
    measure.stage = "joined";
    ground.start([newcomer]);
  });
}
