/** The languages of the systems under test, as the load generator needs them; one adapter per system in dialects/. */

/** What somebody who talks hears. */
export interface TalkListener {
  /** The k-th message of a side (0 or 1) of the same conversation arrived. */
  heard(side: number, k: number): void;
  /** One more own message was acknowledged. */
  acked(): void;
}

/** Somebody who is attached and talks in one conversation. */
export interface Talker {
  /** Sends message k; numbers rise by one from 0. */
  say(k: number): void;
  /** Once a second: heartbeats and whatever else a client does by the clock. */
  tick(): void;
  close(): void;
}

/** What somebody who only attends hears. */
export interface Attendee {
  /** Messages that arrived since `attach`; frames are counted, not read. */
  readonly count: number;
  tick(): void;
  /** Drops the connection without a word. */
  cut(): void;
  close(): void;
}

/** A client that is cut off, misses messages, and comes back for them. */
export interface Returner {
  cut(): void;
  /** Connects anew and resolves when this many missed messages have arrived, or will not. */
  resume(messages: number): Promise<Resumed>;
  tick(): void;
  close(): void;
}

/** What became of a client that came back. */
export interface Resumed {
  /** Different messages that it had missed and has now. */
  readonly missed: number;
  readonly duplicated: number;
  /** Whether the server knew where it had stopped. */
  readonly recovered: boolean;
}

/** How long a client that is back waits for what it missed before that counts as lost. */
export const missedMs = 30_000;

/** Resolves when `wait` calls back, or after that time. */
export function within(ms: number, wait: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wait(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Where two who talk sit. */
export interface Seat {
  /** Which pair they are. */
  readonly pair: number;
  /** Where each side is attached: an index into the ports, counted round. */
  readonly homes: readonly [number, number];
  /** Whether everybody stays where they landed, also where the system says that another node would be nearer. */
  readonly scattered?: boolean;
}

/** A system's clients. */
export interface Dialect {
  /** Two who talk with each other. */
  pair(seat: Seat, listeners: readonly [TalkListener, TalkListener]): Promise<readonly [Talker, Talker]>;
  /** An attached, authenticated session that says nothing. */
  idle(i: number): Promise<Attendee>;
  /** Founds the room of a fan-out and returns its one speaker. */
  speaker(listener: TalkListener): Promise<Talker>;
  /** A member of that room who counts. */
  member(i: number): Promise<Attendee>;
  /**
   * A client of a storm, attached and with everything received so far.
   * @param scattered whether it comes back to where it landed first, also where the system named a nearer node
   */
  returner(i: number, scattered: boolean): Promise<Returner>;
  /** Called once all clients of a storm are attached: each needs a position to come back to. */
  settle(): Promise<void>;
  /** Lets every one of these clients, all cut off, miss this many messages; resolves when they are sent. */
  miss(clients: number, messages: number): Promise<void>;
  /** Refusals and repairs so far, by what they were. */
  readonly troubles: Readonly<Record<string, number>>;
}

/** What a generator process is told about the system. */
export interface Target {
  readonly system: string;
  readonly ports: readonly number[];
  /** Bytes of a message's text. */
  readonly bytes: number;
  /** Which generator process this is, so that names differ. */
  readonly generator: number;
}
