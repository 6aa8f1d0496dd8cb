/** Counters on nact alone, spread over as many parents as Usher has shards, since nact's parents copy their children. */
import { dispatch, query, spawn, spawnStateless, start, stop, type Ref } from "nact";
import type { Subject } from "./subject.ts";

const parents = 256;
const askMs = 60_000;

type Message = { readonly add: true } | { readonly sender: Ref<number> };

/** Begins with no actor. */
export function nactSubject(): Subject {
  const system = start();
  const families = Array.from({ length: parents }, (_, i) => spawnStateless(system, () => {}, `p${i}`));
  const actors: Ref<Message>[] = [];
  const actor = (i: number): Ref<Message> => {
    const found = actors[i];
    if (found !== undefined) return found;
    const family = families[i % parents];
    if (family === undefined) throw new Error("there is no parent");
    const made = spawn(
      family,
      (count: number, message: Message): number => {
        if ("add" in message) return count + 1;
        dispatch(message.sender, count);
        return count;
      },
      `a${i}`,
      { initialState: 0 },
    );
    actors[i] = made;
    return made;
  };
  return {
    tell: (i) => dispatch(actor(i), { add: true }),
    ask: (i) => query(actor(i), (sender: Ref<number>) => ({ sender }), askMs),
    stop: async () => stop(system),
  };
}
