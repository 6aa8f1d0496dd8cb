import type { LogEvent } from "../../protocol/events.ts";
import type { Checker } from "./evidence.ts";

/** AssignmentExclusive and CapacityRespected, by the order in which the store accepted the events. */
export const checkAssignments: Checker = ({ history, accepted, capacity }) => {
  const assignees = new Map<string, string>();
  const loads = new Map<string, number>();
  const ends = new Map<string, number>();
  const release = (log: string): void => {
    const agent = assignees.get(log);
    if (agent === undefined) return;
    assignees.delete(log);
    loads.set(agent, (loads.get(agent) ?? 1) - 1);
  };
  const take = (log: string, { body, seq }: LogEvent, at: number): void => {
    if (body.kind === "unassigned" || body.kind === "closed") return release(log);
    if (body.kind !== "assigned") return;
    const other = assignees.get(log);
    if (other !== undefined)
      history.violate("AssignmentExclusive", `${log} at ${seq}: ${body.agent} besides ${other}`);
    release(log);
    assignees.set(log, body.agent);
    const load = (loads.get(body.agent) ?? 0) + 1;
    loads.set(body.agent, load);
    if (load > capacity)
      history.violate(
        "CapacityRespected",
        `${body.agent} has ${load} of ${capacity} chats at ${Math.round(at)} ms`,
      );
  };
  for (const entry of accepted) {
    if (entry.kind !== "commit") continue;
    for (const write of entry.commit.writes) {
      // What the store forgot and is told again has counted already.
      if (write.op !== "append" || write.seq <= (ends.get(write.log) ?? 0)) continue;
      ends.set(write.log, write.seq);
      if (interesting.test(write.event)) take(write.log, JSON.parse(write.event) as LogEvent, entry.at);
    }
  }
};

const interesting = /"kind":"(assigned|unassigned|closed)"/;
