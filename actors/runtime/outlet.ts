/**
 * The way out of one activation. Role: lets each output out in its turn, behind the commits before it and while the node
 * is not frozen. Boundary: the entity says what goes out and which commit it follows, the shard's host what is durable.
 * Invariants: outputs leave in the order in which they were put in, none before its commit (NoLostAck, NoPhantom); of one
 * command one answer is held, however often it is asked for.
 */
import { messageOf } from "../../base/errors.ts";
import type { CommandAnswer } from "../behavior.ts";
import type { CommandNumber } from "../producers.ts";
import type { EntityHost } from "./entity-host.ts";
import type { AskReply } from "./envelope.ts";

/** Something that happens outside of the actor. */
export type Output = () => void;

interface Held {
  readonly number: number;
  readonly run: Output;
  readonly asked: boolean;
}

/** A remembered answer on its way out. */
interface Answering {
  readonly p: string;
  readonly n: number;
  respond: (reply: AskReply) => void;
}

/** See the file's head. */
export class Outlet {
  readonly #host: Pick<EntityHost, "committed" | "frozen" | "log">;
  readonly #actor: string;
  #held: Held[] = [];
  #heldAsks = 0;
  readonly #answering = new Set<Answering>();

  /** @param actor the actor's name, for the log */
  constructor(host: Pick<EntityHost, "committed" | "frozen" | "log">, actor: string) {
    this.#host = host;
    this.#actor = actor;
  }

  /** Whether nothing is held. */
  get empty(): boolean {
    return this.#held.length === 0;
  }

  /** How many of the held outputs somebody waits for. */
  get asks(): number {
    return this.#heldAsks;
  }

  /**
   * Lets an output out now, or holds it; true when it is held.
   * @param after the number of the commit that must be durable before
   * @param asked whether somebody waits for it
   */
  put(after: number, run: Output, asked: boolean): boolean {
    if (this.empty && after <= this.#host.committed() && !this.#host.frozen()) {
      this.#emit(run);
      return false;
    }
    this.#held.push({ number: after, run, asked });
    if (asked) this.#heldAsks++;
    return true;
  }

  /** Lets out what waited for commits that are durable now; true when nothing is held any more. */
  release(): boolean {
    while (!this.empty && !this.#host.frozen()) {
      const committed = this.#host.committed();
      let done = 0;
      while (done < this.#held.length && (this.#held[done]?.number ?? 0) <= committed) done++;
      if (done === 0) return false;
      for (const { run, asked } of this.#held.splice(0, done)) {
        if (asked) this.#heldAsks--;
        this.#emit(run);
      }
    }
    return this.empty;
  }

  /** The output that gives a command its answer; until it is out, a repeat of the command can take it over. */
  answer({ p, n }: CommandNumber, answer: CommandAnswer, respond: (reply: AskReply) => void): Output {
    const answering: Answering = { p, n, respond };
    this.#answering.add(answering);
    return () => {
      this.#answering.delete(answering);
      answering.respond({ kind: "answer", answer });
    };
  }

  /**
   * A command is repeated whose answer may be held still: then it goes to the later asker, since the one before has given
   * up by now or will. False when no answer to it is held.
   */
  takeOver({ p, n }: CommandNumber, respond: (reply: AskReply) => void): boolean {
    for (const answering of this.#answering) {
      if (answering.p !== p || answering.n !== n) continue;
      answering.respond = respond;
      return true;
    }
    return false;
  }

  /** Drops what is held. */
  clear(): void {
    this.#held = [];
    this.#heldAsks = 0;
    this.#answering.clear();
  }

  /** Whatever an output breaks must not keep back the others. */
  #emit(run: Output): void {
    try {
      run();
    } catch (error) {
      this.#host.log.error("an output failed", { actor: this.#actor, error: messageOf(error) });
    }
  }
}
