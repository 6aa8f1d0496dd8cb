import { Failure, messageOf } from "../base/errors.ts";

/**
 * A part of the store is away, and the others have answered. Those who asked for several things keep what they have
 * been told, and ask for the rest again.
 */
export class PartialAnswer extends Failure {
  /** What was answered, by its position in the call. */
  readonly answers: ReadonlyMap<number, unknown>;

  /** @param cause why the rest was not answered */
  constructor(answers: ReadonlyMap<number, unknown>, cause: unknown) {
    super("STORE_UNAVAILABLE", messageOf(cause), { partial: true }, cause);
    this.answers = answers;
  }
}

/**
 * What a call brought before it failed, by position: nothing, unless only a part of the store is away.
 * @param error what a call rejected with that gives one `T` for each thing it was asked for
 */
export function answersOf<T>(error: unknown): ReadonlyMap<number, T> {
  return error instanceof PartialAnswer ? (error.answers as ReadonlyMap<number, T>) : new Map<number, T>();
}
