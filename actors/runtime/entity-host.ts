import type { Code } from "../../protocol/codes.ts";
import type { Log } from "../../base/log.ts";
import type { LogEvent } from "../../protocol/events.ts";
import type { Write } from "../../store/store.ts";
import type { Address } from "../address.ts";
import type { Effect, Need } from "../behavior.ts";
import type { Directory } from "../directory.ts";
import type { Message } from "../messages.ts";
import type { CommandNumber } from "../producers.ts";
import type { AskReply } from "./envelope.ts";
import type { Mailbox } from "./nact.ts";

/** One message on its way into an actor. */
export interface Item {
  /** Absent for a command that the edge refused. */
  readonly message?: Message | undefined;
  /** The code with which the edge refused a command: its number is used up, the behaviour does not see it. */
  readonly refuse?: Code | undefined;
  readonly command?: CommandNumber | undefined;
  /** Called after the commit of what came of it, when the message is an obligation. */
  readonly confirm?: (() => void) | undefined;
  /** Answers a command or an ask. */
  readonly respond?: ((reply: AskReply) => void) | undefined;
  /** The stored id of the durable timer that fired. */
  readonly timer?: string | undefined;
  /** How often it crashed its actor. */
  readonly crashes?: number | undefined;
  /** It crashed its actor too often: the behaviour does not see it any more. */
  readonly dead?: boolean | undefined;
  /** The timer was armed anew or disarmed while it waited here: it never fired. */
  overtaken?: boolean;
}

/** An activation as its host sees it. */
export interface HostedEntity {
  readonly key: string;
  readonly address: Address;
  /** Whether messages wait in its inbox. */
  readonly busy: boolean;
  /** Takes one message; false when the inbox is full, or when too many wait for their answers already. */
  take(item: Item): boolean;
  /** Lets out what waited for commits, or for the thaw; true when nothing is held any more. */
  release(): boolean;
  /** Whether it may be put to sleep: quiet since then, nothing waiting, nothing it would forget. */
  asleepSince(time: number): boolean;
  /** Ends it at once and drops what it held and what is in its inbox. */
  stop(): void;
}

/** What an entity asks of its shard's host. */
export interface EntityHost {
  readonly epoch: number;
  readonly directory: Directory;
  readonly log: Log;
  /** Monotonic milliseconds. */
  now(): number;
  /** Wall time, for people. */
  wall(): number;
  newId(): string;
  devicesOf(address: Address): number;
  /** Number of the shard's last durable commit. */
  committed(): number;
  /** Whether durable outputs must wait. */
  frozen(): boolean;
  /** Starts the actor that holds the state. */
  spawn<State>(key: string, state: State, run: (state: State) => State): Mailbox;
  /**
   * Fields and the log after the position that they contain, once commit `after` is durable; asks the store again until
   * it answers. Undefined when the shard is not hosted any more.
   */
  loadEntity<State>(
    key: string,
    after: number,
    restore: (fields: Readonly<Record<string, string>>) => { state: State; position: number },
  ): Promise<{ state: State; events: readonly LogEvent[] } | undefined>;
  /** Kept records (text or undefined) and memberships (boolean), in order. Undefined as above. */
  loadNeeds(
    key: string,
    needs: readonly Need[],
  ): Promise<readonly (string | boolean | undefined)[] | undefined>;
  /** Puts writes into the shard's next commit and returns its number. */
  write(entity: HostedEntity, writes: readonly Write[]): number;
  /** Turns an effect into writes and outputs. */
  perform(entity: HostedEntity, item: Item, effect: Effect, writes: Write[], outputs: (() => void)[]): void;
  /** The entity holds outputs until a commit or a thaw. */
  holding(entity: HostedEntity): void;
  /** A commit will arm or disarm this timer, of which a poll may still bring an older word. */
  timerHeld(id: string): void;
  /** The commit that handled, armed or disarmed this timer is durable. */
  timerDone(id: string): void;
  /** Replaces a crashed activation by a new one that gets these messages. */
  restart(entity: HostedEntity, items: readonly Item[], after: number): void;
  /** This message is given up. */
  deadLetter(key: string, item: Item): void;
  /** The activation is over, and these messages with it: askers are told, the rest comes again. */
  forget(entity: HostedEntity, items: readonly Item[]): void;
}
