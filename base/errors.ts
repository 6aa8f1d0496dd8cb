/**
 * An infrastructure failure with a stable code, its cause, and the values that explain it. Expected outcomes are
 * returned unions instead; what clients see is protocol/codes.ts.
 */
export class Failure extends Error {
  override readonly name = "Failure";
  /** Stable, machine-readable, upper case: `STORE_UNAVAILABLE`, `KV_UNKNOWN_OUTCOME`. */
  readonly code: string;
  /** Expected and actual values, ids; never a secret and never a message body. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** The code of a Failure, the errno code of a system error, or `UNKNOWN`. */
export function codeOf(error: unknown): string {
  if (error instanceof Failure) return error.code;
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return "UNKNOWN";
}

/** One readable line for a log or a terminal. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Calls for each; what one of them throws still shows, but not before all others had their turn. @throws the first error */
export function callEach<T>(items: Iterable<T>, call: (item: T) => void): void {
  const failed: unknown[] = [];
  for (const item of items) {
    try {
      call(item);
    } catch (error) {
      failed.push(error);
    }
  }
  if (failed.length > 0) throw failed[0];
}
