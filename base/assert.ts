/** A broken assumption of our own: never an outcome a caller may expect. */
export class AssertionFailure extends Error {
  override readonly name = "AssertionFailure";
}

/**
 * Crashes the current actor (or process) when an invariant does not hold.
 * @throws AssertionFailure
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/**
 * Closes an exhaustive switch: the compiler rejects a case that was forgotten, and so does the run time.
 * @throws AssertionFailure
 */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable: ${JSON.stringify(value)}`);
}

/** The value, if there is one. @throws AssertionFailure when it is null or undefined. */
export function present<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) throw new AssertionFailure(message);
  return value;
}
