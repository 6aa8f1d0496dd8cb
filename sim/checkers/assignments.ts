import type { LogEvent } from "../../protocol/events.ts";
import type { ShardCommit } from "../../store/store.ts";
import type { History } from "../history.ts";
import type { Telling } from "./tellings.ts";

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
export class AssignmentBook {
  readonly #history: History;
  readonly #capacity: number;
  readonly #turns = new Map<string, Turn[]>();
  readonly #loads = new Map<string, number>();

  /** @param capacity chats at a time that an agent may have */
  constructor(history: History, capacity: number) {
    this.#history = history;
    this.#capacity = capacity;
  }

  /** Takes the next telling. */
  take(telling: Telling): void {
    if (telling.kind !== "first") return;
    for (const { commit } of telling.lost) this.#undo(commit);
    const { at, commit } = telling.entry;
    for (const write of commit.writes)
      if (write.op === "append" && interesting.test(write.event))
        this.#takeEvent(write.log, JSON.parse(write.event) as LogEvent, at);
  }

  #takeEvent(log: string, { body, seq }: LogEvent, at: number): void {
    if (!changing.has(body.kind)) return;
    let past = this.#turns.get(log);
    if (past === undefined) this.#turns.set(log, (past = []));
    const before = past.at(-1)?.agent;
    const agent = body.kind === "assigned" ? body.agent : undefined;
    if (before !== undefined && agent !== undefined)
      this.#history.violate("AssignmentExclusive", `${log} at ${seq}: ${agent} besides ${before}`);
    past.push({ seq, agent });
    this.#add(before, -1);
    const load = this.#add(agent, 1);
    if (load > this.#capacity)
      this.#history.violate(
        "CapacityRespected",
        `${agent} has ${load} of ${this.#capacity} chats at ${Math.round(at)} ms`,
      );
  }

  #undo({ writes }: ShardCommit): void {
    for (const write of writes) {
      const past = write.op === "append" ? this.#turns.get(write.log) : undefined;
      if (write.op !== "append" || past === undefined) continue;
      for (let last = past.at(-1); last !== undefined && last.seq >= write.seq; last = past.at(-1)) {
        past.pop();
        this.#add(last.agent, -1);
        this.#add(past.at(-1)?.agent, 1);
      }
    }
  }

  /** How many chats that agent has then. */
  #add(agent: string | undefined, chats: number): number {
    if (agent === undefined) return 0;
    const load = (this.#loads.get(agent) ?? 0) + chats;
    this.#loads.set(agent, load);
    return load;
  }
}

const changing: ReadonlySet<string> = new Set(["assigned", "unassigned", "closed"]);
const interesting = /"kind":"(assigned|unassigned|closed)"/;
