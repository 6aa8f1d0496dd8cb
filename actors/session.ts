/**
 * A session: the actor of one person with all devices. Role: tells the two kinds of people apart; each kind is a state
 * machine of its own (session-visitor.ts, session-agent.ts). Boundary: devices and connections belong to the runtime.
 */
import { AssertionFailure } from "../base/assert.ts";
import type { Behavior } from "./behavior.ts";
import { receiveAgent } from "./session-agent.ts";
import { restoreAgent, type AgentState } from "./session-agent-state.ts";
import { receiveVisitor, restoreVisitor, type VisitorState } from "./session-visitor.ts";

/** The state of either kind of session. */
export type SessionState = VisitorState | AgentState;

/** The behaviour of sessions: `v.<visitor>` and `a.<staff>`. */
export function sessionBehavior(): Behavior<SessionState> {
  return {
    restore: (self, fields) =>
      self.id.startsWith("v.") ? restoreVisitor(self, fields) : restoreAgent(self, fields),
    apply: () => {
      throw new AssertionFailure("a session has no log");
    },
    position: () => 0,
    needs: () => [],
    receive: (state, message, context) =>
      state.kind === "visitor"
        ? receiveVisitor(state, message, context)
        : receiveAgent(state, message, context),
    idle: () => true,
  };
}
