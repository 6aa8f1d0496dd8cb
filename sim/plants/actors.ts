/** Mistakes in the domain: desks, agents' slots, assignments. They change what an actor is told. */
import { behaviors } from "../../actors/behaviors.ts";
import type { Behavior } from "../../actors/behavior.ts";
import type { ConversationState } from "../../actors/conversation-state.ts";
import type { DeskState } from "../../actors/desk-queue.ts";
import type { Message } from "../../actors/messages.ts";
import type { SessionState } from "../../actors/session.ts";
import type { Plant, Planted } from "./plant.ts";

/** The bugs of this family. */
export const actorPlants: readonly Plant[] = [
  {
    name: "two-assignees",
    about: "after a failover a desk offers again what has left its queue, and the conversation accepts it",
    begin: () => {
      const conversation = onConversation((state, message, receive) => {
        const { log } = state;
        if (message.kind !== "assign" || message.takeover || log.phase !== "assigned")
          return receive(state, message);
        return receive(
          { ...state, log: { ...log, phase: "waiting", assignee: null } },
          { ...message, ticket: log.ticket },
        );
      });
      const desk = onBehavior<DeskState>("desk", (inner) => ({
        restore(self, fields) {
          const state = inner.restore(self, fields);
          const back = state.gone.map(({ conv, ticket, number }) => {
            return { conv, ticket, number: number ?? 0, priority: 0, since: 0, place: 1 };
          });
          return { ...state, queue: [...state.queue, ...back], gone: [] };
        },
      }));
      return {
        node: (ports) => [conversation, desk].reduce((own, { node }) => node?.(own) ?? own, ports),
      };
    },
  },
  {
    name: "reservation-leaked",
    about: "the slot of an assignment that the conversation refused is never given free",
    begin: () =>
      onSession((state, message, receive) => {
        if (message.kind !== "freed" || state.kind !== "agent") return receive(state, message);
        const kept = state.slots[message.assignment]?.accepted === false;
        return kept ? { state, effects: [] } : receive(state, message);
      }),
  },
  {
    name: "declined-unheard",
    about: "an offer that was declined, or that ran out, counts as open for ever",
    begin: () =>
      onDesk((state, message, receive) =>
        message.kind === "declined" || message.kind === "timer"
          ? { state, effects: [] }
          : receive(state, message),
      ),
  },
  {
    name: "capacity-off-by-one",
    about: "agents get a chat too many",
    begin: () => ({ capacity: 1 }),
  },
];

type Step<State> = ReturnType<Behavior<State>["receive"]>;
type Receive<State> = (
  state: State,
  message: Message,
  receive: (state: State, message: Message) => Step<State>,
) => Step<State>;

function onConversation(change: Receive<ConversationState>): Planted {
  return onReceive("conversation", change);
}

function onSession(change: Receive<SessionState>): Planted {
  return onReceive("session", change);
}

function onDesk(change: Receive<DeskState>): Planted {
  return onReceive("desk", change);
}

type Kind = "conversation" | "session" | "desk";

function onReceive<State>(kind: Kind, change: Receive<State>): Planted {
  return onBehavior<State>(kind, (inner) => ({
    receive: (state, message, context) =>
      change(state, message, (given, other) => inner.receive(given, other, context)),
  }));
}

function onBehavior<State>(
  kind: Kind,
  change: (inner: Behavior<State>) => Partial<Behavior<State>>,
): Planted {
  return {
    node(ports) {
      const all = ports.behaviors ?? behaviors();
      const inner = all[kind] as Behavior<State>;
      return { ...ports, behaviors: { ...all, [kind]: { ...inner, ...change(inner) } } };
    },
  };
}
