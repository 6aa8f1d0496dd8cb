/** Actors that count, as the program measures them: Usher's, or nact's own. */
export interface Subject {
  /** Adds one to actor i; brings it to life if it does not live. */
  tell(i: number): void;
  /** Resolves with what actor i has counted. */
  ask(i: number): Promise<number>;
  /** Adds one and resolves when that is kept; undefined where nothing is. */
  readonly write?: (i: number) => Promise<number>;
  /** Ends all actors; what they kept stays. */
  readonly sleep?: () => Promise<void>;
  stop(): Promise<void>;
}
