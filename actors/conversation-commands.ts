/** The verbs of a support conversation, and speaking in both kinds: who may, when, and what it does. */
import { isStaff, type DeskId } from "../protocol/ids.ts";
import type { Author } from "../protocol/events.ts";
import type { CommandFrame, Verb } from "../protocol/frames.ts";
import { sessionId } from "./address.ts";
import { inCharge, standingOf, type Standing } from "./conversation-access.ts";
import type { ConversationDraft } from "./conversation-draft.ts";
import { create, join, leave } from "./conversation-group.ts";
import { foldOwn } from "./conversation-reads.ts";
import { ask } from "./conversation-robot.ts";
import { spokenAt } from "./conversation-state.ts";
import { close, offerTakeover, queue, transfer } from "./conversation-routing.ts";
import type { CommandMessage } from "./messages.ts";

type Frame<V extends Verb> = Extract<CommandFrame, { t: V }>;

/** A command with its author's standing, in a conversation that exists. */
interface Act {
  readonly draft: ConversationDraft;
  readonly message: CommandMessage;
  readonly by: Author;
  readonly standing: Standing;
}

/** Handles one numbered command; exactly one answer. */
export function onCommand(draft: ConversationDraft, message: CommandMessage): void {
  const { frame, by } = message;
  if (frame.t === "create") return create(draft, by, frame);
  if (frame.t === "join") return join(draft, message);
  if (frame.t === "leave") return leave(draft, message);
  const standing = standingOf(draft, by);
  if (standing === "stranger") return draft.nack("FORBIDDEN");
  if (draft.state.log.phase === "unborn") return draft.nack("NOT_FOUND");
  if (standing === "outsider") return draft.nack("FORBIDDEN");
  const act: Act = { draft, message, by: { role: by.role, id: by.user }, standing };
  switch (frame.t) {
    case "send":
      return send(act, frame);
    case "recall":
      return recall(act, frame);
    case "open":
    case "status":
      return draft.nack("INVALID");
    case "note":
    case "human":
    case "rate":
    case "close":
    case "transfer":
    case "takeover":
      return draft.state.log.phase === "group" ? draft.nack("WRONG_STATE") : onSupport(act, frame);
  }
}

function onSupport(
  act: Act,
  frame: Frame<"note" | "human" | "rate" | "close" | "transfer" | "takeover">,
): void {
  switch (frame.t) {
    case "note":
      return note(act, frame);
    case "human":
      return human(act, frame);
    case "rate":
      return rate(act, frame);
    case "close":
      return end(act, frame);
    case "transfer":
      return handOver(act, frame);
    case "takeover":
      return takeOver(act);
  }
}

function send({ draft, message, by, standing }: Act, frame: Frame<"send">): void {
  const { phase } = draft.state.log;
  if (standing === "staff") return draft.nack("FORBIDDEN");
  if (phase === "closed") return draft.nack("CLOSED");
  // Who wants to speak beside the robot takes the conversation over: two voices answer nobody.
  if (phase === "robot" && standing !== "visitor") return draft.nack("WRONG_STATE");
  const event = draft.append(by, { kind: "message", body: frame.body }, frame);
  foldOwn(draft, message.by, event);
  draft.ack(event, standing === "visitor" ? "all" : "staff");
  if (standing === "visitor" && frame.body.kind === "text") ask(draft, event.seq, frame.body.text);
}

function note({ draft, message, by, standing }: Act, frame: Frame<"note">): void {
  if (standing === "visitor") return draft.nack("FORBIDDEN");
  const event = draft.append(by, { kind: "note", body: frame.body }, frame);
  foldOwn(draft, message.by, event);
  draft.ack(event);
}

function recall({ draft, message, by, standing }: Act, frame: Frame<"recall">): void {
  const { log } = draft.state;
  const spoken = spokenAt(log, frame.seq);
  // For the visitor a note is as absent as a number that was never given.
  if (spoken === undefined || (spoken.aud === "staff" && standing === "visitor"))
    return draft.nack("NOT_FOUND");
  if (spoken.who !== sessionId(message.by.role, message.by.user)) return draft.nack("FORBIDDEN");
  if (log.phase === "closed") return draft.nack("CLOSED");
  const event = draft.append(by, { kind: "recalled", seq: frame.seq }, frame, spoken.aud);
  draft.ack(event, standing === "visitor" ? "all" : "staff");
}

function human({ draft, by, standing }: Act, frame: Frame<"human">): void {
  const { log, self } = draft.state;
  if (standing !== "visitor") return draft.nack("FORBIDDEN");
  if (log.phase === "closed") return draft.nack("CLOSED");
  const desk = frame.desk ?? log.desk;
  if (draft.context.directory.desk(self.tenant, desk) === undefined) return draft.nack("NOT_FOUND");
  // Waiting or served already: the wish is granted.
  if (log.phase !== "robot") return draft.ack();
  draft.ack(queue(draft, by, desk as DeskId, "asked", frame), "all");
}

function rate({ draft, by, standing }: Act, frame: Frame<"rate">): void {
  const { phase, rated } = draft.state.log;
  if (standing !== "visitor") return draft.nack("FORBIDDEN");
  if (phase !== "closed" || rated) return draft.nack("WRONG_STATE");
  const comment = frame.comment === undefined ? undefined : { comment: frame.comment };
  draft.ack(draft.append(by, { kind: "rated", stars: frame.stars, ...comment }, frame), "all");
}

function end({ draft, message, by, standing }: Act, frame: Frame<"close">): void {
  // Nobody is in charge of what is closed; whoever repeats the close hears that it is done.
  if (draft.state.log.phase === "closed") return draft.ack();
  if (standing !== "visitor" && !inCharge(standing)) return draft.nack("FORBIDDEN");
  const staff = isStaff(message.by.role);
  draft.ack(close(draft, by, staff ? "agent" : "visitor", frame), staff ? "staff" : "all");
}

function handOver({ draft, by, standing }: Act, frame: Frame<"transfer">): void {
  const { log, self } = draft.state;
  if (log.phase === "closed" && standing !== "visitor") return draft.nack("CLOSED");
  if (!inCharge(standing)) return draft.nack("FORBIDDEN");
  const desk = frame.desk ?? log.desk;
  if (draft.context.directory.desk(self.tenant, desk) === undefined) return draft.nack("NOT_FOUND");
  if (log.phase === "waiting" && desk === log.desk) return draft.ack();
  draft.ack(transfer(draft, by, desk as DeskId, frame));
}

function takeOver({ draft, message, standing }: Act): void {
  const { log, self } = draft.state;
  if (standing === "visitor") return draft.nack("FORBIDDEN");
  if (log.phase === "closed") return draft.nack("CLOSED");
  if (standing === "assigned") return draft.ack();
  const capacity = draft.context.directory.agent(self.tenant, message.by.user)?.capacity ?? 0;
  if (capacity === 0) return draft.nack("FORBIDDEN");
  offerTakeover(draft, message.by.user);
  draft.ack();
}
