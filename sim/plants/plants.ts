import { actorPlants } from "./actors.ts";
import { clientPlants } from "./clients.ts";
import { commitPlants } from "./commits.ts";
import { partPlants } from "./parts.ts";
import { placementPlants } from "./placement.ts";
import { leftoverPlants } from "./leftovers.ts";
import type { Plant, Planted } from "./plant.ts";
import { readPlants } from "./reads.ts";
import { wirePlants } from "./wire.ts";

/** All bugs that can be planted, in the order of `planted`. */
export const plants: readonly Plant[] = [
  ...commitPlants,
  ...partPlants,
  ...readPlants,
  ...placementPlants,
  ...wirePlants,
  ...actorPlants,
  ...clientPlants,
  ...leftoverPlants,
];

/** The bug of that name as it stands in one run; nothing for no name. @throws Error for a name that there is not */
export function plantedIn(name: string): Planted {
  if (name === "") return {};
  const plant = plants.find((one) => one.name === name);
  if (plant === undefined) throw new Error(`there is no planted bug ${name}`);
  return plant.begin();
}
