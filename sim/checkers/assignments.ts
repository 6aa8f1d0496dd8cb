import type { LogEvent } from "../../protocol/events.ts";
import type { ShardCommit } from "../../store/store.ts";
import type { Checker } from "./evidence.ts";
import { Tellings } from "./tellings.ts";

/** Whom a conversation has from one of its events on. */
interface Turn {
  readonly seq: number;
  readonly agent: string | undefined;
}

/**
 * AssignmentExclusive and CapacityRespected, by the order in which the store accepted the events. What it forgot counts
 * as long as its owner may tell it again, and then not a second time: agents were told of it. Where something else is told
 * instead, it counts no more.
 */
export const checkAssignments: Checker = ({ history, accepted, capacity }) => {
  const tellings = new Tellings();
  const turns = new Map<string, Turn[]>();
  const loads = new Map<string, number>();
  const add = (agent: string | undefined, chats: number): number => {
    if (agent === undefined) return 0;
    const load = (loads.get(agent) ?? 0) + chats;
    loads.set(agent, load);
    return load;
  };
  const take = (log: string, { body, seq }: LogEvent, at: number): void => {
    if (!changing.has(body.kind)) return;
    let past = turns.get(log);
    if (past === undefined) turns.set(log, (past = []));
    const before = past.at(-1)?.agent;
    const agent = body.kind === "assigned" ? body.agent : undefined;
    if (before !== undefined && agent !== undefined)
      history.violate("AssignmentExclusive", `${log} at ${seq}: ${agent} besides ${before}`);
    past.push({ seq, agent });
    add(before, -1);
    const load = add(agent, 1);
    if (load > capacity)
      history.violate(
        "CapacityRespected",
        `${agent} has ${load} of ${capacity} chats at ${Math.round(at)} ms`,
      );
  };
  const undo = ({ writes }: ShardCommit): void => {
    for (const write of writes) {
      const past = write.op === "append" ? turns.get(write.log) : undefined;
      if (write.op !== "append" || past === undefined) continue;
      for (let last = past.at(-1); last !== undefined && last.seq >= write.seq; last = past.at(-1)) {
        past.pop();
        add(last.agent, -1);
        add(past.at(-1)?.agent, 1);
      }
    }
  };
  for (const accepts of accepted) {
    const telling = tellings.take(accepts);
    if (telling?.kind !== "first") continue;
    for (const { commit } of telling.lost) undo(commit);
    const { at, commit } = telling.entry;
    for (const write of commit.writes)
      if (write.op === "append" && interesting.test(write.event))
        take(write.log, JSON.parse(write.event) as LogEvent, at);
  }
};

const changing: ReadonlySet<string> = new Set(["assigned", "unassigned", "closed"]);
const interesting = /"kind":"(assigned|unassigned|closed)"/;
