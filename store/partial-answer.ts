import { Failure } from "../base/errors.ts";

/**
 * A part of the store is away, and the others have answered. Those who asked for several things keep what they have
 * been told, and ask for the rest again. The code says what became of the rest.
 */
export class PartialAnswer extends Failure {
  /** What was answered, by its position in the call. */
  readonly answers: ReadonlyMap<number, unknown>;

  /** @param failure why the rest was not answered */
  constructor(answers: ReadonlyMap<number, unknown>, failure: Failure) {
    super(failure.code, failure.message, { answered: answers.size }, failure);
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
