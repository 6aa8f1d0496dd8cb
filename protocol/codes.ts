/**
 * What a client has to do about a refusal.
 * `never`: this command will not succeed as it is. `same`: send the same numbered command again after `waitMs`.
 * `from-last`: resend everything after `last`. `sync`: read the log, drop what is found there, renumber the rest
 * under a new producer.
 */
export type Retry = "never" | "same" | "from-last" | "sync";

/** Every code of `nack` and `err`, whether to retry, and a sentence for people. */
export const codes = {
  BAD_FRAME: { retry: "never", text: "The frame is not valid JSON of this protocol." },
  TOO_LARGE: { retry: "never", text: "The frame or body is larger than the limits allow." },
  UNAUTHORIZED: { retry: "never", text: "The token is missing, invalid or expired." },
  FORBIDDEN: { retry: "never", text: "This role may not do that here." },
  NOT_FOUND: { retry: "never", text: "There is no such conversation, desk or channel in this tenant." },
  INVALID: { retry: "never", text: "The request contradicts itself or the limits." },
  WRONG_STATE: { retry: "never", text: "The conversation is not in a state that allows this." },
  CLOSED: { retry: "never", text: "The conversation is closed." },
  SKIPPED: {
    retry: "never",
    text: "This command number was passed over or its answer is no longer remembered.",
  },
  PRODUCER_CONFLICT: { retry: "never", text: "This command number was used before with another content." },
  PRODUCER_UNKNOWN: {
    retry: "sync",
    text: "This producer is not known; sync, then renumber what is missing.",
  },
  GAP: { retry: "from-last", text: "A command number is missing before this one." },
  RATE_LIMITED: { retry: "same", text: "Too many commands; slow down." },
  BUSY: { retry: "same", text: "The server cannot take this now." },
  INTERNAL: { retry: "same", text: "Something failed inside; the command may be repeated as it is." },
} as const satisfies Record<string, { retry: Retry; text: string }>;

/** A code of `nack` and `err`. */
export type Code = keyof typeof codes;

/**
 * Close codes say what to do: 4000-4099 do not come back, 4100-4199 come back later, 4200-4299 come back now, with
 * jitter.
 */
export const closeCodes = {
  badFrame: 4000,
  forbidden: 4001,
  badToken: 4002,
  version: 4003,
  tooLarge: 4004,
  replaced: 4005,
  overload: 4100,
  rate: 4101,
  missedHeartbeat: 4102,
  slowConsumer: 4103,
  unavailable: 4104,
  authTimeout: 4105,
  drain: 4200,
  moved: 4201,
  gap: 4202,
  tokenExpired: 4203,
} as const;

/** What a close code tells the client: stay away, come back after its backoff, or come back now with jitter. */
export function comeBack(closeCode: number): "never" | "later" | "now" {
  if (closeCode >= 4000 && closeCode < 4100) return "never";
  if (closeCode >= 4200 && closeCode < 4300) return "now";
  return "later";
}
