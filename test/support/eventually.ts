/**
 * Waits for a condition instead of a time: polls until `check` returns something other than undefined and false.
 * @throws Error after `withinMs`, with what `check` threw last
 */
export async function eventually<T>(
  check: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 10_000,
  what = "a condition",
): Promise<T> {
  const start = performance.now();
  let last: unknown = undefined;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() - start > withinMs) {
      throw new Error(`${what} did not come true within ${withinMs} ms`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
