/** Clients' clocks. */

const sliceMs = 20;
const slices = 1000 / sliceMs;

/**
 * Ticks each client once a second from now on, a fiftieth of them every 20 ms: clients of their own have clocks of their
 * own, and do not send all heartbeats of a second in one burst.
 */
export function tickEach(clients: () => Iterable<{ tick(): void }>): void {
  let slice = 0;
  setInterval(() => {
    let i = 0;
    for (const client of clients()) if (i++ % slices === slice) client.tick();
    slice = (slice + 1) % slices;
  }, sliceMs).unref();
}
