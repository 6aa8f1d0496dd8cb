import { usualSettings, type Settings } from "../settings.ts";
import type { Storm } from "./storm.ts";

/** How people of a storm behave where the recording does not say: it holds no messages. As in `reconnect-storm`. */
const unrecorded: Partial<Settings> = {
  talking: 0.05,
  human: 0.05,
  shards: 256,
  // As USHER_ADMIT is by default.
  admit: 1000,
  // Networks change and tabs close as recorded, and not otherwise.
  mobile: 0,
  background: 0,
  reloads: 0,
  arriveSeconds: 0,
};

/** The settings with which a storm is replayed; with fewer nodes than recorded, the faults of the others fall away. */
export function stormSettings(storm: Storm, given: Partial<Settings>, seed: number): Settings {
  const agents = storm.devices.filter(({ role }) => role === "agent").length;
  const settings: Settings = {
    ...usualSettings,
    ...unrecorded,
    // Nobody would ever come to those who wait for a person.
    ...(agents === 0 ? { human: 0 } : {}),
    nodes: storm.nodes.length,
    seconds: storm.seconds,
    ...given,
    agents,
    users: storm.devices.length - agents,
    scenario: "storm",
    seed,
    faults: [],
    storm,
  };
  const sameSize = settings.nodes === storm.nodes.length;
  const faults = storm.faults.filter(({ target }) => Number(target.slice(1)) <= settings.nodes);
  return { ...settings, faults, storm: sameSize ? storm : anywhere(storm) };
}

/** Where there are other nodes than recorded, the balancer alone says who goes where. */
function anywhere(storm: Storm): Storm {
  const devices = storm.devices.map(({ role, steps }) => ({
    role,
    steps: steps.map((step) => (step.what === "go" ? step : { ...step, node: 0 })),
  }));
  return { ...storm, devices };
}
