/**
 * Questions with an `id`: sync, list, follow, reauth.
 *
 * Role: joins answers to questions; asks again after a reconnect, after `waitMs`, and when an answer is overdue (all
 * of them may be repeated safely). Boundary: pure but for the promises it settles. Invariant: every question is
 * answered, refused, or asked again on the next connection.
 */
import { Refusal, retryOf } from "./refusal.ts";
import type { RequestFrame, ServerFrame } from "../protocol/frames.ts";

/** A question that is answered under its `id`. */
export type Question = Extract<RequestFrame, { id: unknown }>;
type WithoutId<Frame> = Frame extends unknown ? Omit<Frame, "id"> : never;
/** A question before it has an id. */
export type QuestionBody = WithoutId<Question>;
/** A frame that answers a question. */
export type Answer = Extract<ServerFrame, { id?: unknown }>;

interface Pending {
  readonly question: Question;
  lasting: boolean;
  readonly answer: Promise<Answer>;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Refusal) => void;
  sentAt: number | undefined;
  notBefore: number;
}

const resendMs = 10_000;

/** The unanswered questions of one client. */
export class Requests {
  readonly #pending = new Map<number, Pending>();
  readonly #random: () => number;
  #nextId = 1;

  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * Asks; `lasting` questions survive the connection, others are rejected with `DISCONNECTED` when it goes. A follow that
   * is under way is not asked twice: the server would give the first one up.
   * @throws Refusal by rejection
   */
  ask(body: QuestionBody, lasting: boolean): Promise<Answer> {
    const same = body.t === "follow" ? this.#following(body) : undefined;
    if (same !== undefined) {
      same.lasting ||= lasting;
      return same.answer;
    }
    const id = this.#nextId;
    this.#nextId += 1;
    const { promise: answer, resolve, reject } = withResolvers<Answer>();
    const question = { ...body, id } as Question;
    this.#pending.set(id, { question, lasting, answer, resolve, reject, sentAt: undefined, notBefore: 0 });
    return answer;
  }

  /** Frames to send now, at most `room` of them. */
  due(nowMs: number, room: number): Question[] {
    const frames: Question[] = [];
    for (const pending of this.#pending.values()) {
      if (frames.length >= room) break;
      if (nowMs < this.#dueAt(pending)) continue;
      pending.sentAt = nowMs;
      pending.notBefore = 0;
      frames.push(pending.question);
    }
    return frames;
  }

  /** When `due` has more to say without any answer coming first. */
  nextDueAt(): number | undefined {
    const times = [...this.#pending.values()].map((pending) => this.#dueAt(pending));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** When the oldest unanswered question was sent. */
  oldestSentAt(): number | undefined {
    const times = [...this.#pending.values()].flatMap(({ sentAt }) => (sentAt === undefined ? [] : [sentAt]));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Whether somebody waits for the answer with this id. */
  awaits(id: string | number): boolean {
    return typeof id === "number" && this.#pending.has(id);
  }

  /** Nobody wants to follow that conversation any more. */
  withdraw(conv: string): void {
    for (const [id, { question, reject }] of this.#pending) {
      if (question.t !== "follow" || question.conv !== conv) continue;
      this.#pending.delete(id);
      reject(new Refusal("STOPPED", "The conversation was unfollowed meanwhile."));
    }
  }

  /** Takes an answer; false when nobody asked. */
  answer(frame: Answer, nowMs: number): boolean {
    const pending = typeof frame.id === "number" ? this.#pending.get(frame.id) : undefined;
    if (!pending) return false;
    if (frame.t === "err" && retryOf(frame) !== "never") {
      pending.sentAt = undefined;
      pending.notBefore = nowMs + (frame.waitMs ?? 500) + this.#random() * 500;
      return true;
    }
    this.#pending.delete(pending.question.id as number);
    if (frame.t === "err") pending.reject(new Refusal(frame.code, frame.msg));
    else pending.resolve(frame);
    return true;
  }

  /** The connection is gone. */
  disconnected(): void {
    for (const [id, pending] of this.#pending) {
      pending.sentAt = undefined;
      pending.notBefore = 0;
      if (pending.lasting) continue;
      this.#pending.delete(id);
      pending.reject(new Refusal("DISCONNECTED"));
    }
  }

  /** Refuses everything, for good. */
  stop(): void {
    for (const pending of this.#pending.values()) pending.reject(new Refusal("STOPPED"));
    this.#pending.clear();
  }

  #following({ conv, cursor }: Extract<QuestionBody, { t: "follow" }>): Pending | undefined {
    const wanted = String(cursor);
    return [...this.#pending.values()].find(
      ({ question }) =>
        question.t === "follow" && question.conv === conv && String(question.cursor) === wanted,
    );
  }

  #dueAt(pending: Pending): number {
    return pending.sentAt === undefined ? pending.notBefore : pending.sentAt + resendMs;
  }
}

function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: Error) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** The answer as the kind of frame that was asked for. @throws Refusal when the server answered with another. */
export function answerAs<T extends Answer["t"]>(answer: Answer, t: T): Extract<Answer, { t: T }> {
  if (answer.t !== t) throw new Refusal("INTERNAL", `The server answered ${answer.t} instead of ${t}.`);
  return answer as Extract<Answer, { t: T }>;
}
