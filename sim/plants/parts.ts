/** Mistakes while a part of the store is away, and the others have answered. */
import { answersOf, PartialAnswer } from "../../store/partial-answer.ts";
import type { Verdict } from "../../store/store.ts";
import { onStore, type Plant } from "./plant.ts";

const committed: Verdict = { kind: "committed" };

/** The bugs of this family. */
export const partPlants: readonly Plant[] = [
  {
    name: "part-taken-for-whole",
    about: "what some masters of the store have committed counts as committed by all",
    begin: () =>
      onStore((store) => ({
        async commit(owner, commits) {
          try {
            return await store.commit(owner, commits);
          } catch (error) {
            const verdicts = answersOf<Verdict>(error);
            if (verdicts.size === 0) throw error;
            return commits.map((_, i) => verdicts.get(i) ?? committed);
          }
        },
      })),
  },
  {
    name: "parts-out-of-place",
    about:
      "what the other masters answer is given to those who asked first, instead of to those who asked for it",
    begin: () =>
      onStore((store) => ({
        commit: (owner, commits) => closedUp(store.commit(owner, commits)),
        claim: (owner, claims) => closedUp(store.claim(owner, claims)),
        load: (entities) => closedUp(store.load(entities)),
        kept: (keys) => closedUp(store.kept(keys)),
        tails: (logs) => closedUp(store.tails(logs)),
        readLogs: (queries) => closedUp(store.readLogs(queries)),
      })),
  },
];

/** Without the places that were not answered. */
async function closedUp<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof PartialAnswer)) throw error;
    throw new PartialAnswer(new Map([...error.answers.values()].map((answer, i) => [i, answer])), error);
  }
}
