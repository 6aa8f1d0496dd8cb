import type { EntityKind } from "./address.ts";
import type { Behavior } from "./behavior.ts";
import { conversationBehavior } from "./conversation.ts";
import { deskBehavior } from "./desk.ts";
import { knowledgeBase } from "./knowledge.ts";
import { robotBehavior, type KnowledgeOf } from "./robot.ts";
import { sessionBehavior } from "./session.ts";

/** What each kind of actor does; the runtime treats their states as opaque. */
export type Behaviors = Readonly<Record<EntityKind, Behavior<unknown>>>;

/** The behaviours of all kinds of actor. Robots search full text unless another knowledge is given. */
export function behaviors(knowledgeOf: KnowledgeOf = knowledgeBase()): Behaviors {
  return {
    session: sessionBehavior(),
    conversation: conversationBehavior(),
    desk: deskBehavior(),
    robot: robotBehavior(knowledgeOf),
  };
}
