/** Lets the devices of a storm do what was recorded of them. */
import type { Device } from "../people/device.ts";
import type { World } from "../world/world.ts";
import type { Step, Storm, StormDevice } from "./storm.ts";

/** Makes a device. @param i which of its role @param name its own */
export type Coming = (role: StormDevice["role"], i: number, name: string) => Device;

/** Schedules all steps, from now on. A page that was closed comes back as another device of the same person. */
export function perform(world: World, storm: Storm, come: Coming): void {
  const { scheduler, sockets } = world;
  const counts = { visitor: 0, agent: 0 };
  for (const { role, steps } of storm.devices) {
    const i = counts[role]++;
    const person = `${role === "visitor" ? "u" : "agent"}${i}`;
    let name = person;
    let pages = 0;
    let device: Device | undefined;
    const act = (step: Step): void => {
      if (step.what === "come" && ++pages > 1) name = `${person}-${pages}`;
      if (step.what !== "go") sockets.prefer(name, `n${step.node}`);
      if (step.what === "come") device = come(role, i, name);
      else if (step.what === "go") device?.stop();
      else if (step.what === "away") device?.changeNetwork(step.forMs);
      else if (device !== undefined) sockets.drop(device.process);
    };
    for (const step of steps) scheduler.schedule(scheduler.now + step.at, undefined, () => act(step));
  }
}
