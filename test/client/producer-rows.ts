import type { CommandFrame, ServerFrame } from "../../protocol/frames.ts";

type Answer = Extract<ServerFrame, { t: "ack" | "nack" }>;

interface Row {
  last: number;
  readonly answers: Map<number, { body: string; answer: Answer }>;
}

/** What stands in the log for an accepted command. */
export interface Effect {
  readonly seq: number;
  readonly p: string;
  readonly n: number;
  readonly frame: CommandFrame;
}

/** The server's rule for numbered commands, as docs/protocol.md states it, over one log per target. */
export class ProducerRows {
  readonly logs = new Map<string, Effect[]>();
  readonly #rows = new Map<string, Row>();

  /** The effects on a target, in order. */
  log(target: string): Effect[] {
    const log = this.logs.get(target) ?? [];
    this.logs.set(target, log);
    return log;
  }

  /** Forgets all producers, as after 24 hours. */
  forget(): void {
    this.#rows.clear();
  }

  /** The answer to a command, and its effect if it is new. `refuse` finally refuses it. */
  command(frame: CommandFrame, refuse = false): Answer {
    const target = "conv" in frame ? frame.conv : "";
    const { p, n, after } = frame;
    const nack = (
      code: Answer extends infer A ? (A extends { code: infer C } ? C : never) : never,
    ): Answer => ({
      t: "nack",
      p,
      n,
      code,
      retry: "",
      last: this.#rows.get(`${p} ${target}`)?.last ?? 0,
    });
    const row = this.#rows.get(`${p} ${target}`);
    if (!row && after > 0) return nack("PRODUCER_UNKNOWN");
    const { last, answers } = row ?? {
      last: 0,
      answers: new Map<number, { body: string; answer: Answer }>(),
    };
    const { p: _p, n: _n, after: _after, ...rest } = frame;
    const body = JSON.stringify(rest);
    const old = answers.get(n);
    if (old) return old.body === body ? old.answer : nack("PRODUCER_CONFLICT");
    if (n <= last) return nack("SKIPPED");
    if (after > last) return nack("GAP");
    const log = this.log(target);
    const seq = log.length + 1;
    const answer: Answer = refuse
      ? nack("WRONG_STATE")
      : { t: "ack", conv: target, p, n, seq, epoch: 1, prev: seq - 1, ts: 0 };
    if (!refuse) log.push({ seq, p, n, frame });
    answers.set(n, { body, answer });
    for (const old of answers.keys()) if (old <= n - 32) answers.delete(old);
    this.#rows.set(`${p} ${target}`, { last: n, answers });
    return answer;
  }
}
