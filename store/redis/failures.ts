import { Failure, messageOf } from "../../base/errors.ts";
import { corrupt, unavailable, unknownOutcome } from "../verdict.ts";

/**
 * Replies with which Redis refuses before it writes anything. In a script they come from its reads or its first write:
 * once a script has written, Redis lets it finish (scriptVerifyOOM, scriptVerifyWriteCommandAllow), but for what the user
 * may not do, and for keys of a slot that is being moved away. commit.lua says by `SOME` and `PARTIAL` when it has written.
 */
const refusals =
  /(?:^|[\s-])(LOADING|READONLY|TRYAGAIN|CLUSTERDOWN|MOVED|ASK|MASTERDOWN|BUSY|NOAUTH|NOPERM|WRONGPASS|OOM|MISCONF|NOREPLICAS|NOSCRIPT)\s/;

/** A script that met a key of a slot which is leaving this node, or has left it. */
const leavingSlot = /access a non local key in a cluster node/;

/**
 * Translates what ioredis rejects with. STORE_UNAVAILABLE only where it is certain that nothing was applied; details
 * carry `reply`, the code of Redis' answer.
 */
export function redisFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = messageOf(error);
  const cause = bare(error);
  if (message.includes("PARTIAL ")) return corrupt("a script stopped half way", { reply: message });
  if (/^(ERR )?SOME /.test(message)) return unknownOutcome(message, cause);
  if (message.startsWith("Stream isn't writeable")) return unavailable("not connected", cause);
  const reply = error instanceof Error && error.name === "ReplyError" ? message : undefined;
  if (reply !== undefined && leavingSlot.test(reply)) return refused("TRYAGAIN", message, cause);
  const refusal = reply === undefined ? undefined : refusals.exec(reply)?.[1];
  if (refusal !== undefined) return refused(refusal, message, cause);
  return unknownOutcome(message, cause);
}

/** Whether Redis answered with this code. */
export function repliedWith(failure: unknown, ...codes: readonly string[]): boolean {
  return failure instanceof Failure && codes.includes(String(failure.details["reply"]));
}

/** For calls that may be asked again without harm: an unknown outcome is as good as none. */
export function asUnavailable(failure: unknown): Failure {
  const known = redisFailure(failure);
  return known.code === "STORE_UNKNOWN_OUTCOME" ? unavailable("no answer", known) : known;
}

/** The error without the command that ioredis hangs on it: its arguments are message bodies and passwords. */
export function bare(error: unknown): Error {
  const copy = new Error(messageOf(error));
  if (error instanceof Error) copy.name = error.name;
  return copy;
}

function refused(reply: string, message: string, cause: unknown): Failure {
  return new Failure("STORE_UNAVAILABLE", `the store is unavailable: ${message}`, { reply }, cause);
}
