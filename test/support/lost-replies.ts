import { Failure } from "../../base/errors.ts";
import type { Store } from "../../store/store.ts";

/** A store in front of another one: commits are applied, but while `lose(true)` their answers never arrive. */
export interface LossyStore extends Store {
  lose(on: boolean): void;
}

/** Wraps a store whose own link cannot be cut because it has none. */
export function lossyStore(inner: Store): LossyStore {
  let losing = false;
  return {
    ...inner,
    lose: (on) => void (losing = on),
    async commit(owner, commits) {
      const verdicts = await inner.commit(owner, commits);
      if (losing) throw new Failure("STORE_UNKNOWN_OUTCOME", "the answer was lost");
      return verdicts;
    },
  };
}

/** Runs a call while the store loses its answers. */
export async function losingReplies<T>(store: LossyStore, run: () => Promise<T>): Promise<T> {
  store.lose(true);
  try {
    return await run();
  } finally {
    store.lose(false);
  }
}
