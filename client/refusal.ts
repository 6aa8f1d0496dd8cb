import { codes, type Code, type Retry } from "../protocol/codes.ts";

/** Codes of refusals that the SDK itself makes. */
export type LocalCode = "STOPPED" | "DISCONNECTED" | "QUEUE_FULL";

/**
 * Why a command or request failed for good. `code` is one of protocol/codes.ts, or one of the SDK's own:
 * `STOPPED` (the client was closed, or the server said not to come back; the command may or may not have had its
 * effect), `DISCONNECTED` (the connection went before the answer; the SDK's own requests only), `QUEUE_FULL`.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: Code | LocalCode;

  constructor(code: Code | LocalCode, message?: string) {
    super(message ?? (code in codes ? codes[code as Code].text : localTexts[code as LocalCode]));
    this.code = code;
  }
}

/** What to do about a refusal: by its code, or what the frame says when the code is newer than this SDK. */
export function retryOf(refusal: { readonly code: string; readonly retry: string }): Retry {
  const known = (codes as Readonly<Record<string, { readonly retry: Retry }>>)[refusal.code];
  if (known) return known.retry;
  const said = refusal.retry;
  return said === "same" || said === "from-last" || said === "sync" ? said : "never";
}

const localTexts: Readonly<Record<LocalCode, string>> = {
  STOPPED: "The client has stopped.",
  DISCONNECTED: "The connection was lost before the answer.",
  QUEUE_FULL: "Too many commands are waiting already.",
};
