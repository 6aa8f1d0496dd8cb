/**
 * What people do to their devices without meaning the server any harm: look at another tab, walk out of the wireless
 * network. Runs in tasks of the world's own, since a frozen page could not come back by itself.
 */
import type { Stream } from "../world/chance.ts";
import type { Scheduler } from "../world/scheduler.ts";
import type { Device } from "./device.ts";
import type { Hiding } from "./tab.ts";

/** Mean times; a run is short, so they are too. */
const visibleMs = 15_000;
const hiddenMs = 12_000;
const sameNetworkMs = 20_000;
/** Mean time without a network, for those changes that have such a gap. */
const gapMs = 3000;
const gapShare = 0.5;

/** Until `over`, now and then the device's tab goes to the background; at the end it is shown. */
export async function lookAway(
  device: Device,
  scheduler: Scheduler,
  chance: Stream,
  over: () => boolean,
): Promise<void> {
  for (;;) {
    await scheduler.sleep(chance.exponential(visibleMs));
    if (over()) return;
    device.hide(hidingOf(chance.next()));
    await scheduler.sleep(chance.exponential(hiddenMs));
    device.show();
  }
}

/** Until `over`, now and then the device comes into another network, often after a while without any. */
export async function roam(
  device: Device,
  scheduler: Scheduler,
  chance: Stream,
  over: () => boolean,
): Promise<void> {
  for (;;) {
    await scheduler.sleep(chance.exponential(sameNetworkMs));
    if (over()) return;
    device.changeNetwork(chance.next() < gapShare ? chance.exponential(gapMs) : 0);
  }
}

function hidingOf(lot: number): Hiding {
  if (lot < 0.6) return "fresh";
  return lot < 0.85 ? "late" : "frozen";
}
