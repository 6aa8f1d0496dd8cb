/** Clients' clocks. */

const sliceMs = 20;
const slices = 1000 / sliceMs;

/**
 * Ticks each client once a second from now on, a fiftieth of them every 20 ms: clients of their own have clocks of their
 * own, and do not send all heartbeats of a second in one burst.
 */
export function tickEach(clients: () => readonly { tick(): void }[]): void {
  let slice = 0;
  setInterval(() => {
    const all = clients();
    for (let i = slice; i < all.length; i += slices) all[i]?.tick();
    slice = (slice + 1) % slices;
  }, sliceMs).unref();
}
