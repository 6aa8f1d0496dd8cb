/**
 * What people do to their devices without meaning the server any harm: look at another tab, walk out of the wireless
 * network, close the page and open it again. Runs in tasks of the world's own, since a frozen page could not come back by itself.
 */
import type { Stream } from "../world/chance.ts";
import type { Scheduler } from "../world/scheduler.ts";
import type { Device } from "./device.ts";
import type { Pages } from "./pages.ts";
import type { Hiding } from "./tab.ts";

/** Mean times; a run is short, so they are too. */
const visibleMs = 15_000;
const hiddenMs = 12_000;
const sameNetworkMs = 20_000;
/** Mean time without a network, for those changes that have such a gap. */
const gapMs = 3000;
const gapShare = 0.5;
/** Mean time until a page is turned; and for those who then wait until they have said something, from that. */
const samePageMs = 6000;
const hastyMs = 40;
const hastyShare = 0.6;
const mostHastyMs = 10_000;
/** Mean time without a page, or with two for those who open the next one first. */
const noPageMs = 1000;
const besideMs = 4000;
const besideShare = 0.3;
/** Share of the closed pages of which no server hears. */
const silentShare = 0.2;

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

/** Until `over`, now and then the customer closes a page, often just after saying something, and opens another. */
export async function turnPages(
  pages: Pages,
  scheduler: Scheduler,
  chance: Stream,
  over: () => boolean,
): Promise<void> {
  do await scheduler.sleep(chance.exponential(samePageMs));
  while (await turnPage(pages, scheduler, chance, over));
}

/** Once; a function of its own, so that nobody who waits for the next time still holds the page that is closed. */
async function turnPage(
  pages: Pages,
  scheduler: Scheduler,
  chance: Stream,
  over: () => boolean,
): Promise<boolean> {
  const page = pages.oldest;
  if (over() || page === undefined) return false;
  const next = chance.next() < besideShare ? pages.open() : undefined;
  if (next !== undefined) await scheduler.sleep(chance.exponential(besideMs));
  // Either of the two may go; the other one goes on, and takes over only when it is welcomed again.
  const closing = next !== undefined && chance.next() < 0.5 ? next : page;
  if (chance.next() < hastyShare) {
    await Promise.race([closing.messages.begun(), scheduler.sleep(mostHastyMs)]);
    await scheduler.sleep(chance.exponential(hastyMs));
  }
  if (over()) return false;
  pages.close(closing, chance.next() < silentShare);
  if (next !== undefined) return true;
  await scheduler.sleep(chance.exponential(noPageMs));
  if (over()) return false;
  pages.open();
  return true;
}

function hidingOf(lot: number): Hiding {
  if (lot < 0.6) return "fresh";
  return lot < 0.85 ? "late" : "frozen";
}
