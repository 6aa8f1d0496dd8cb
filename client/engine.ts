/**
 * What happens inside a client: frames in, frames out, promises settled.
 *
 * Role: joins the connection (`connector.ts`), the commands (`outbox.ts`), the questions (`requests.ts`) and the
 * conversations (`feed.ts`). Boundary: `client.ts` gives it an application's face. Invariants: a command's promise
 * settles only with the server's verdict or when the client stops, never because a connection was lost (NoLostAck);
 * what was given in order is sent in order (SenderFIFO).
 */
import { closeCodes } from "../protocol/codes.ts";
import { limits } from "../protocol/limits.ts";
import { faultOf, faultOfQuestion } from "./check.ts";
import { Connector, type ConnectionState, type Endpoint } from "./connector.ts";
import { findEffects } from "./doubt.ts";
import { Emitter } from "./emitter.ts";
import { Feed } from "./feed.ts";
import { Leftovers } from "./leftovers.ts";
import { ReadMarks, type ReadMark } from "./read-marks.ts";
import { Outbox, type Receipt, type Settled, type SyncWanted } from "./outbox.ts";
import { Refusal } from "./refusal.ts";
import { Requests, type Answer, type QuestionBody } from "./requests.ts";
import type { ClientFrame, ServerFrame } from "../protocol/frames.ts";
import type { ClientEvents } from "./client-events.ts";
import type { Cancel, Environment } from "./environment.ts";
import type { CommandBody } from "./lane.ts";

/** The inside of one client. */
export class Engine {
  readonly events: Emitter<ClientEvents>;
  readonly feed: Feed;
  readonly outbox: Outbox;
  readonly #environment: Environment;
  readonly #requests: Requests;
  readonly #connector: Connector;
  readonly #waiting = new Map<
    number,
    { resolve: (receipt: Receipt) => void; reject: (error: Error) => void }
  >();
  readonly #reads = new ReadMarks();
  readonly #leftovers: Leftovers | undefined;
  readonly #url: string;
  #state: ConnectionState = { state: "connecting" };
  #cancelTimer: Cancel = () => {};
  #cancelAck: Cancel | undefined;

  constructor(environment: Environment, endpoint: Endpoint, historySize: number) {
    this.#environment = environment;
    this.events = new Emitter((error) => this.#failed(error));
    const random = (): number => environment.random();
    this.outbox = new Outbox(() => environment.id(), random);
    this.#url = endpoint.url;
    const { shelf } = environment;
    this.#leftovers =
      shelf === undefined
        ? undefined
        : new Leftovers(shelf, environment, this.outbox, () => {
            this.#pump();
          });
    this.#requests = new Requests(random);
    this.feed = new Feed(
      {
        emit: (name, payload) => this.events.emit(name, payload),
        ask: (question, lasting) => this.ask(question, lasting),
        after: (delayMs, run) => {
          environment.after(delayMs, () => {
            if (this.#connector.online) run();
          });
        },
        giveUp: (reason) => this.#connector.giveUp(closeCodes.unavailable, reason),
      },
      historySize,
    );
    this.#connector = new Connector(environment, endpoint, {
      cursors: () => this.feed.cursors.all(),
      frame: (frame, bytes) => this.#receive(frame, bytes),
      disconnected: () => this.#disconnected(),
      changed: (state) => this.#changed(state),
      unansweredSince: () => oldest(this.outbox.oldestSentAt(), this.#requests.oldestSentAt()),
      takeAcks: () => this.#takeAcks(),
    });
    // First of all listeners: the numbers of the log that comes now may be lower.
    this.events.on("reset", ({ conv }) => this.#reads.forget(conv));
    this.events.on("left", ({ conv }) => this.#reads.forget(conv));
    environment.after(0, () => {
      if (this.#state.state !== "stopped") this.#connector.start();
    });
  }

  /** The connection's state now. */
  get state(): ConnectionState {
    return this.#state;
  }

  /** Takes a command; resolves when its effect is durable. @throws Refusal by rejection */
  command(body: CommandBody): Promise<Receipt> {
    if (this.#state.state === "stopped") return Promise.reject(new Refusal("STOPPED"));
    const fault = faultOf(body);
    if (fault) return Promise.reject(fault);
    const since = "conv" in body ? (this.feed.cursors.get(body.conv)?.[0] ?? 0) : 0;
    const key = this.outbox.add(body, since, this.#environment.wall());
    if (key === undefined) return Promise.reject(new Refusal("QUEUE_FULL"));
    return new Promise((resolve, reject) => {
      this.#waiting.set(key, { resolve, reject });
      this.#pump();
    });
  }

  /** Asks a question; a lasting one survives reconnects. @throws Refusal by rejection */
  ask(question: QuestionBody, lasting: boolean): Promise<Answer> {
    if (this.#state.state === "stopped") return Promise.reject(new Refusal("STOPPED"));
    const fault = faultOfQuestion(question);
    if (fault) return Promise.reject(fault);
    const answer = this.#requests.ask(question, lasting);
    this.#pump();
    return answer;
  }

  /** Sends a frame that nothing answers; false, and nothing sent, while there is no connection. */
  tell(frame: ClientFrame): boolean {
    if (this.#connector.online) this.#sendCounted(frame);
    return this.#connector.online;
  }

  /** Marks everything up to `seq` as read, soon or after the next welcome. */
  read(mark: ReadMark): void {
    if (!this.#reads.note(mark)) return;
    this.feed.markRead(mark.conv, mark.seq);
    this.#pump();
  }

  /** Follows a conversation no more: whoever still waits for a follow is told `STOPPED`. */
  unfollow(conv: string): void {
    this.feed.leave(conv, false);
    this.#reads.forget(conv);
    this.#requests.withdraw(conv);
    this.tell({ t: "unfollow", conv });
  }

  /** Ends the client for good. */
  stop(reason: string): void {
    this.#connector.stop(1000, reason);
  }

  /** Sends whatever is due, and comes back when more will be. */
  #pump(): void {
    this.#leftovers?.save();
    this.#cancelTimer();
    if (!this.#connector.online) return;
    const now = this.#environment.now();
    if (this.outbox.expire(now)) {
      return this.#connector.giveUp(closeCodes.unavailable, "commands stay without an answer");
    }
    for (const frame of this.#requests.due(now, this.outbox.room(now))) this.#sendCounted(frame);
    const { frames, syncs } = this.outbox.due(now, this.#environment.wall());
    for (const frame of frames) this.#connector.send(frame);
    for (const mark of this.#reads.due(now, this.outbox.room(now))) this.#sendCounted({ t: "read", ...mark });
    const paced = oldest(this.#requests.nextDueAt(), this.#reads.nextDueAt());
    const nextAt = oldest(
      this.outbox.nextDueAt(),
      paced === undefined ? undefined : Math.max(paced, this.outbox.roomAt()),
    );
    if (nextAt !== undefined)
      this.#cancelTimer = this.#environment.after(Math.max(1, nextAt - now), () => this.#pump());
    this.#connector.rearm();
    for (const wanted of syncs) this.#verify(wanted).catch((error: unknown) => this.#failed(error));
  }

  #receive(frame: ServerFrame, bytes: number): void {
    switch (frame.t) {
      case "welcome":
        return this.#welcomed(frame);
      case "ack":
        this.#settle(this.outbox.ack(frame, this.#environment.wall()));
        return this.#pump();
      case "nack":
        this.#settle(this.outbox.nack(frame, this.#environment.now()));
        return this.#pump();
      case "deliver":
        this.feed.deliver(frame.conv, frame, bytes);
        return this.#acknowledge();
      case "conv":
        return this.#announced(frame);
      case "page":
      case "list":
      case "ok":
        return this.#answered(frame);
      case "err":
        return this.#refused(frame);
      case "left":
        return this.feed.leave(frame.conv, true);
      case "read":
        return this.feed.read(frame);
      case "typing":
      case "presence":
      case "queue":
        return this.#show(frame);
      case "drain":
        this.events.emit("drain", { afterMs: frame.afterMs });
        return this.#connector.drain(frame.afterMs, frame.url);
      case "hello":
      case "ping":
      case "pong":
        return undefined;
    }
  }

  #welcomed(frame: Extract<ServerFrame, { t: "welcome" }>): void {
    const again = this.#connector.online;
    if (!again) {
      const { maxInFlight, commandsPerSecond } = frame.limits;
      this.outbox.allow(maxInFlight, commandsPerSecond, this.#environment.now());
    }
    for (const { conv, read } of frame.convs) this.#reads.known({ conv, seq: read });
    if (!this.feed.welcome(frame)) return;
    if (!again) this.#connector.welcomed(frame.url);
    this.#pump();
    void this.#leftovers?.welcomed(`${frame.session} ${this.#url}`);
  }

  /** A conversation is followed from now on, unless it was given up before the answer came. */
  #announced(frame: Extract<ServerFrame, { t: "conv" }>): void {
    const { id, conv } = frame;
    const wanted = id === undefined || this.#requests.awaits(id) || this.feed.cursors.get(conv) !== undefined;
    if (!wanted) return void this.tell({ t: "unfollow", conv });
    this.feed.announced(frame);
    this.#answered(frame);
  }

  /** Sends what the server counts against the rate of commands. */
  #sendCounted(frame: ClientFrame): void {
    this.outbox.went(this.#environment.now());
    this.#connector.send(frame);
  }

  #acknowledge(): void {
    if (!this.feed.cursors.ackIsDue()) {
      this.#cancelAck ??= this.#environment.after(limits.dackMs, () => this.#sendAcks());
      return;
    }
    this.#sendAcks();
  }

  #sendAcks(): void {
    const acks = this.#takeAcks();
    if (acks) this.#connector.send({ t: "dack", acks });
  }

  #takeAcks(): Record<string, number> | undefined {
    this.#cancelAck?.();
    this.#cancelAck = undefined;
    return this.feed.cursors.takeAcks();
  }

  #answered(frame: Answer): void {
    this.#requests.answer(frame, this.#environment.now());
    this.#pump();
  }

  #refused(frame: Extract<ServerFrame, { t: "err" }>): void {
    if (frame.id !== undefined) return this.#answered(frame);
    if (frame.waitMs !== undefined) this.#connector.told(frame.waitMs);
    this.events.emit("error", new Refusal(frame.code, frame.msg));
  }

  #show(frame: Extract<ServerFrame, { t: "typing" | "presence" | "queue" }>): void {
    const { t, ...payload } = frame;
    this.events.emit(t, payload);
  }

  #settle(settled: Settled | undefined): void {
    if (!settled) return;
    const waiting = this.#waiting.get(settled.key);
    this.#waiting.delete(settled.key);
    if (settled.kind === "refused") return waiting?.reject(new Refusal(settled.code, settled.msg));
    this.feed.acknowledged(settled);
    // An acknowledgement can be a delivery: the server counts it as one that is not confirmed yet.
    if (this.feed.cursors.ackIsOwed()) this.#acknowledge();
    waiting?.resolve(settled.receipt);
  }

  /** Looks into the log for commands whose producer is in doubt, then lets the outbox go on. */
  async #verify(wanted: SyncWanted): Promise<void> {
    try {
      const known = this.feed.conversations.map(({ conv }) => conv);
      const found = await findEffects(wanted, known, (question) => this.ask(question, false));
      for (const settled of this.outbox.synced(wanted, found, this.#environment.wall()))
        this.#settle(settled);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.code === "DISCONNECTED" || error.code === "STOPPED") return;
      // A log that does not exist, or may not be read, holds nothing of ours that could be told from it: the server says.
      for (const settled of this.outbox.synced(wanted, new Map(), this.#environment.wall()))
        this.#settle(settled);
    }
    this.#pump();
  }

  #disconnected(): void {
    this.#cancelTimer();
    this.#cancelAck?.();
    this.#cancelAck = undefined;
    this.outbox.disconnected();
    this.#reads.disconnected();
    this.#requests.disconnected();
    this.feed.disconnected();
  }

  #changed(state: ConnectionState): void {
    this.#state = state;
    if (state.state === "stopped") {
      this.#cancelTimer();
      this.#requests.stop();
      this.#leftovers?.stop();
      for (const { reject } of this.#waiting.values())
        reject(new Refusal("STOPPED", state.reason || undefined));
      this.#waiting.clear();
    }
    this.events.emit("state", state);
  }

  #failed(error: unknown): void {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function oldest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
