/**
 * The actor system: nact behind three small types. Every mailbox here holds at most one wake-up at a time; what there is
 * to do waits in the bounded inbox of whoever is woken, so nact's unbounded mailboxes never grow and one macrotask
 * serves many messages. Families stay small and their parents get no messages, since nact copies the parent's map of
 * children for each one. Names are never used twice, since a stale reference would reach the next bearer.
 */
import { dispatch, spawn, spawnStateless, start, stop, type Ref } from "nact";

/** One actor: wake it, and its run function gets its state and returns the next. */
export interface Mailbox {
  /** Runs soon; waking it again before that changes nothing. */
  wake(): void;
  /** No run begins after this returns. */
  stop(): void;
}

/** A parent with its children. */
export interface Family {
  /**
   * An actor whose state lives in nact. `run` must neither throw nor wait.
   * @param name unique in the family for all time
   */
  spawn<State>(name: string, initial: State, run: (state: State) => State): Mailbox;
  /** Stops all children. */
  stop(): void;
}

/** All actors of one node. */
export interface ActorSystem {
  /** @param name unique in the system for all time */
  family(name: string): Family;
  /** Stops everything. */
  stop(): void;
}

/** Starts an actor system. */
export function nactSystem(): ActorSystem {
  const system = start();
  return {
    family(familyName) {
      const parent = spawnStateless(system, () => {}, familyName);
      return {
        spawn: (childName, initial, run) => new NactMailbox(parent, childName, initial, run),
        stop: () => stop(parent),
      };
    },
    stop: () => stop(system),
  };
}

const wakeUp = { wake: true } as const;

/** One nact actor that is woken instead of being sent messages. */
class NactMailbox<State> implements Mailbox {
  readonly #actor: Ref<typeof wakeUp>;
  readonly #run: (state: State) => State;
  #woken = false;
  #stopped = false;

  constructor(parent: Ref<never>, name: string, initialState: State, run: (state: State) => State) {
    this.#run = run;
    this.#actor = spawn(parent, (state: State) => this.#turn(state), name, {
      initialState,
      onCrash: (_message, _error, context) => context.resume,
    });
  }

  wake(): void {
    if (this.#woken || this.#stopped) return;
    this.#woken = true;
    dispatch(this.#actor, wakeUp);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    stop(this.#actor);
  }

  #turn(state: State): State {
    this.#woken = false;
    return this.#stopped ? state : this.#run(state);
  }
}
