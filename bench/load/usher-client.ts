/**
 * One attached Usher client. Role: attaches, gives commands one by one, knows its position in one conversation,
 * acknowledges deliveries and keeps the heartbeat. Whoever needs speed takes the frames of its conversation over.
 */
import type { ServerFrame } from "../../protocol/frames.ts";
import { limits } from "../../protocol/limits.ts";
import type { Attendee } from "./dialect.ts";
import { readNumber } from "./marker.ts";
import { Wire } from "./wire.ts";

/** What all clients of a process share. */
export interface UsherWorld {
  readonly filling: string;
  /** Counts a refusal or repair. */
  trouble(what: string): void;
}

/** How to attach. */
export interface UsherAttach {
  readonly port: number;
  readonly token: string;
  readonly device: string;
  readonly world: UsherWorld;
  /** The one conversation to resume, what of it is held, and who takes what is missing. */
  readonly resume?: {
    readonly conv: string;
    readonly cursor: readonly [number, number];
    readonly hot: HotPath;
  };
}

/** Takes deliveries, acks and nacks of a conversation as raw bytes. */
export interface HotPath {
  delivered(chunk: Buffer, start: number, end: number): void;
  acked(chunk: Buffer, start: number): void;
  refused(chunk: Buffer, start: number, end: number): void;
}

type Welcome = Extract<ServerFrame, { t: "welcome" }>;
type Ack = Extract<ServerFrame, { t: "ack" }>;

interface Waiting {
  readonly frame: object;
  readonly resolve: (ack: Ack) => void;
  readonly reject: (error: Error) => void;
}

const dackEvery = 32;
/** Heartbeats at this part of the period, in ticks of a second. */
const heartbeatTicks = Math.floor(limits.heartbeatMs / 1000) - 1;
const letter = { a: 0x61, d: 0x64, e: 0x65, n: 0x6e } as const;
const unplacedRetryMs = 200;

/** One client. */
export class UsherClient implements Attendee {
  /** Deliveries since `countOnly`. */
  count = 0;
  /** Why the connection ended; empty while it lives. */
  ended = "";
  /** Set when somebody takes the frames of the conversation over. */
  hot: HotPath | undefined;
  /** What the server said of the session; undefined until it is attached. */
  welcome: Welcome | undefined;
  readonly #world: UsherWorld;
  readonly #device: string;
  #wire: Wire | undefined;
  #conv = "";
  #position = 0;
  #epoch = 0;
  #confirmed = 0;
  #counting = false;
  #ticks = Math.floor(Math.random() * heartbeatTicks);
  readonly #numbers = new Map<string, number>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #watchers = new Set<() => void>();
  readonly #convs = new Set<string>();

  private constructor({ world, device }: UsherAttach) {
    this.#world = world;
    this.#device = device;
  }

  /** Connects and attaches; a refusal that says when to come back is obeyed. @throws Error when it is final */
  static async attach(spec: UsherAttach): Promise<UsherClient> {
    for (;;) {
      const client = new UsherClient(spec);
      const waitMs = await client.#open(spec);
      if (waitMs === 0) return client;
      spec.world.trouble("attach refused");
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  /** Position and epoch in its conversation. */
  get cursor(): readonly [number, number] {
    return [this.#position, this.#epoch];
  }

  /** The conversation that it follows. */
  get conv(): string {
    return this.#conv;
  }

  /** Gives a numbered command under a producer of that name and resolves with its ack. @throws Error when refused */
  command(
    frame: { readonly t: string; readonly conv?: string; readonly [key: string]: unknown },
    producer: string,
  ): Promise<Ack & { conv: string }> {
    const p = `${producer}-${this.#device}`;
    const target = `${p} ${frame.conv ?? ""}`;
    const n = (this.#numbers.get(target) ?? 0) + 1;
    this.#numbers.set(target, n);
    const whole = { ...frame, p, n, after: n - 1 };
    return new Promise((resolve, reject) => {
      const answered = (ack: Ack): void => resolve({ ...ack, conv: ack.conv ?? "" });
      this.#waiting.set(`${p} ${n}`, { frame: whole, resolve: answered, reject });
      this.send(JSON.stringify(whole));
    });
  }

  /** Resolves when this conversation is followed; it is then the client's one conversation. */
  async follows(conv: string): Promise<void> {
    if (this.#conv !== conv) [this.#position, this.#epoch, this.#confirmed] = [0, 0, 0];
    this.#conv = conv;
    await this.until(() => this.#convs.has(conv), `${conv} is followed`);
  }

  /** Resolves when the test holds, asked at every frame. @throws Error when that takes too long */
  until(test: () => boolean, what: string, withinMs = 60_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not in time: ${what}`)), withinMs);
      const look = (): void => {
        if (!test() && this.ended === "") return;
        clearTimeout(timer);
        this.#watchers.delete(look);
        if (this.ended === "") resolve();
        else reject(new Error(`${what}: ${this.ended}`));
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** From now on deliveries are counted and confirmed, nothing else. */
  countOnly(): void {
    this.#counting = true;
    this.count = 0;
  }

  /** Sends a frame. */
  send(text: string): void {
    if (this.ended === "") this.#wire?.send(text);
  }

  /** An own `send` was acknowledged: that is its delivery exactly if it follows the position. */
  own(chunk: Buffer, start: number): void {
    if (numberAfter(chunk, '"prev":', start) === this.#position) this.#moveTo(chunk, start);
  }

  tick(): void {
    if (this.#position > this.#confirmed) this.#dack();
    if (++this.#ticks % heartbeatTicks === 0) this.send('{"t":"ping"}');
  }

  cut(): void {
    this.ended = "cut";
    this.#wire?.cut();
  }

  close(): void {
    this.ended = "closed";
    this.#wire?.close();
  }

  /** Milliseconds to wait before the next try; 0 when attached. */
  async #open({ port, token, device, resume }: UsherAttach): Promise<number> {
    let refusedMs = 0;
    this.hot = resume?.hot;
    [this.#position, this.#epoch] = resume?.cursor ?? [0, 0];
    this.#confirmed = this.#position;
    this.#conv = resume?.conv ?? "";
    const cursors = resume === undefined ? {} : { [resume.conv]: resume.cursor };
    this.#onFrame = (frame) => {
      if (frame.t === "err" && frame.retry === "same") refusedMs = frame.waitMs ?? unplacedRetryMs;
    };
    this.#wire = await Wire.open(
      { port, path: "/ws", protocol: limits.subprotocol },
      {
        frame: (chunk, start, end) => this.#take(chunk, start, end),
        closed: (why) => this.#closed(why),
      },
    );
    const attempt = Date.now();
    this.#wire.send(JSON.stringify({ t: "auth", token, device, attempt, cursors }));
    try {
      await this.until(() => this.welcome !== undefined, "welcome");
      return 0;
    } catch (error) {
      if (refusedMs > 0) return refusedMs;
      throw error;
    }
  }

  #onFrame: (frame: ServerFrame) => void = () => {};

  #closed(why: string): void {
    if (this.ended !== "") return;
    this.ended = why;
    if (this.welcome !== undefined) this.#world.trouble(`connection lost: ${why}`);
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
    for (const look of [...this.#watchers]) look();
  }

  #take(chunk: Buffer, start: number, end: number): void {
    const kind = chunk[start + 6];
    if (kind === letter.d && chunk[start + 7] === letter.e) {
      if (this.#counting || this.hot !== undefined) {
        if (!this.#accept(chunk, start)) return;
        this.count++;
        return this.hot?.delivered(chunk, start, end);
      }
    }
    if (this.hot !== undefined && kind === letter.a) return this.hot.acked(chunk, start);
    if (this.hot !== undefined && kind === letter.n) return this.hot.refused(chunk, start, end);
    const frame = JSON.parse(chunk.toString("utf8", start, end)) as ServerFrame;
    this.#handle(frame);
    this.#onFrame(frame);
    for (const look of [...this.#watchers]) look();
  }

  #handle(frame: ServerFrame): void {
    switch (frame.t) {
      case "welcome":
        this.welcome = frame;
        for (const { conv } of frame.convs) this.#convs.add(conv);
        return;
      case "conv":
        this.#convs.add(frame.conv);
        return;
      case "deliver":
        if (this.#conv === "" || frame.conv === this.#conv) {
          this.#conv = frame.conv;
          this.#epoch = frame.epoch;
          this.#position = Math.max(frame.seq, this.#position);
        }
        return;
      case "ack": {
        const key = `${frame.p} ${frame.n}`;
        this.#waiting.get(key)?.resolve(frame);
        this.#waiting.delete(key);
        return;
      }
      case "nack":
        return this.#refused(frame);
      default:
    }
  }

  #refused(frame: Extract<ServerFrame, { t: "nack" }>): void {
    const key = `${frame.p} ${frame.n}`;
    const waiting = this.#waiting.get(key);
    this.#world.trouble(frame.code);
    if (waiting === undefined) return;
    if (frame.retry === "never") {
      this.#waiting.delete(key);
      return waiting.reject(new Error(`${JSON.stringify(waiting.frame)} was refused: ${frame.code}`));
    }
    setTimeout(() => this.send(JSON.stringify(waiting.frame)), frame.waitMs ?? unplacedRetryMs);
  }

  /** Whether a delivery follows the position; a repeat is confirmed again, after a gap the log is followed anew. */
  #accept(chunk: Buffer, start: number): boolean {
    if (numberAfter(chunk, '"prev":', start) === this.#position) {
      this.#moveTo(chunk, start);
      return true;
    }
    if (numberAfter(chunk, '"seq":', start) <= this.#position) {
      this.#world.trouble("delivered again");
      this.#confirmed = 0;
    } else {
      this.#world.trouble("gap");
      const cursor = [this.#position, this.#epoch];
      this.send(JSON.stringify({ t: "follow", id: "gap", conv: this.#conv, cursor }));
    }
    return false;
  }

  #moveTo(chunk: Buffer, start: number): void {
    this.#position = numberAfter(chunk, '"seq":', start);
    this.#epoch = numberAfter(chunk, '"epoch":', start);
    if (this.#position - this.#confirmed >= dackEvery) this.#dack();
  }

  #dack(): void {
    this.#confirmed = this.#position;
    this.send(`{"t":"dack","acks":{"${this.#conv}":${this.#position}}}`);
  }
}

/** The number after a key in a range of JSON. */
export function numberAfter(chunk: Buffer, key: string, start: number): number {
  return readNumber(chunk, chunk.indexOf(key, start, "latin1") + key.length);
}
