/**
 * The robot that serves one conversation. Role: turns a question into an answer or "I do not know". Boundary: keeps no
 * state; whether an answer is still wanted is the conversation's to decide. A repeated question gets the same answer.
 */
import { AssertionFailure } from "../base/assert.ts";
import type { ConversationId } from "../protocol/ids.ts";
import { conversationAddress, type Address } from "./address.ts";
import type { Behavior } from "./behavior.ts";
import type { RobotConfig } from "./directory.ts";

/** What a robot knows. The same question always gets the same answer. */
export interface Knowledge {
  /** The answer to a question in anybody's words; undefined when nothing known is close enough. */
  answer(question: string): string | undefined;
}

/** Finds the knowledge of a robot; called for every question, so it must be cheap after the first time. */
export type KnowledgeOf = (robot: RobotConfig) => Knowledge;

/** A robot keeps nothing but its name. */
export interface RobotState {
  readonly self: Address;
}

/** The behaviour of robots. */
export function robotBehavior(knowledgeOf: KnowledgeOf): Behavior<RobotState> {
  return {
    restore: (self) => ({ self }),
    apply: () => {
      throw new AssertionFailure("a robot has no log");
    },
    position: () => 0,
    needs: () => [],
    receive(state, message, context) {
      if (message.kind === "timer") return { state, effects: [] };
      if (message.kind !== "ask")
        throw new AssertionFailure(`a robot was sent a message of kind ${message.kind}`);
      const { tenant, id } = state.self;
      const config = context.directory.robot(tenant, message.robot);
      const text = config === undefined ? undefined : knowledgeOf(config).answer(message.text);
      const answered = { kind: "answered", question: message.question } as const;
      return {
        state,
        effects: [
          {
            do: "tell",
            to: conversationAddress(tenant, id as ConversationId),
            message: text === undefined ? answered : { ...answered, text },
          },
        ],
      };
    },
    idle: () => true,
  };
}
