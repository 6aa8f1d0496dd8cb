/**
 * The robot's part of a support conversation: how it begins, and what the robot may say. The robot answers in messages
 * of its own; whether an answer still counts is decided here, so that it never talks over a person (chatwoot#13673).
 */
import type { Author } from "../protocol/events.ts";
import { visitorOf } from "../protocol/ids.ts";
import { robotAddress } from "./address.ts";
import { armIdle } from "./conversation-idle.ts";
import type { ConversationDraft } from "./conversation-draft.ts";
import { queue } from "./conversation-routing.ts";
import type { RobotConfig } from "./directory.ts";
import type { ConversationMessage } from "./messages.ts";

/** Questions that may be open at a time; the oldest is given up. */
const pendingMax = 16;

/** From the visitor's session: begins with the greeting, or at the desk where there is no robot. */
export function onStart(
  draft: ConversationDraft,
  message: Extract<ConversationMessage, { kind: "start" }>,
): void {
  if (draft.state.log.phase !== "unborn" || visitorOf(draft.conv) !== message.visitor) return;
  const { channel, desk, meta } = message;
  const robot =
    message.robot === undefined
      ? undefined
      : draft.context.directory.robot(draft.state.self.tenant, message.robot);
  const by: Author = { role: "visitor", id: message.visitor };
  const who = robot === undefined ? undefined : { robot: robot.id };
  draft.append(by, { kind: "opened", channel, desk, ...who, meta }, message);
  if (robot === undefined) queue(draft, by, desk, "asked");
  else say(draft, robot, robot.greeting);
  armIdle(draft);
}

/** Puts the visitor's words to the robot. */
export function ask(draft: ConversationDraft, question: number, text: string): void {
  const { robot, self, log } = draft.state;
  if (log.phase !== "robot" || log.robot === null) return;
  draft.write("robot", { ...robot, pending: [...robot.pending.slice(1 - pendingMax), question] });
  draft.effects.push({
    do: "tell",
    to: robotAddress(self.tenant, draft.conv),
    message: { kind: "ask", robot: log.robot, question, text },
  });
}

/** From the robot: said once, and only while nobody else has been asked for. */
export function onAnswered(
  draft: ConversationDraft,
  message: Extract<ConversationMessage, { kind: "answered" }>,
): void {
  const { robot, log, self } = draft.state;
  if (log.phase !== "robot" || !robot.pending.includes(message.question)) return;
  const pending = robot.pending.filter((question) => question !== message.question);
  const config = draft.context.directory.robot(self.tenant, log.robot ?? "");
  const unknowns = message.text === undefined ? robot.unknowns + 1 : 0;
  draft.write("robot", { pending, unknowns });
  const text = message.text ?? config?.unknown;
  const by: Author = { role: "robot", id: log.robot ?? "" };
  if (text !== undefined && text !== "") draft.append(by, { kind: "message", body: { kind: "text", text } });
  if (unknowns >= draft.policy.robotTries || config === undefined) queue(draft, by, log.desk, "robot");
}

function say(draft: ConversationDraft, robot: RobotConfig, text: string): void {
  if (text === "") return;
  draft.append({ role: "robot", id: robot.id }, { kind: "message", body: { kind: "text", text } });
}
