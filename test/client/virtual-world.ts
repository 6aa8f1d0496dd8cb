import type { Cancel, ClientSocket, ClientStorage, Environment, Shelf } from "../../client/environment.ts";

/** A timer of the virtual clock. */
interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** The server's end of a fake socket. */
export interface FakeSocket extends ClientSocket {
  readonly url: string;
  readonly subprotocol: string;
  /** Frames that the client sent, parsed. */
  readonly sent: Record<string, unknown>[];
  /** How the client closed it, if it did. */
  closedWith: number | undefined;
  /** Called at each frame of the client. */
  onclient: (frame: Record<string, unknown>) => void;
  /** The server says something. */
  say(frame: object): void;
  /** The server, or the network, ends it. */
  drop(code: number, reason?: string): void;
}

/** A page of a browser: when it closes, nothing of it runs any more and what it held is let go. */
export interface Page {
  readonly environment: Environment;
  close(): void;
}

/** A virtual clock with sockets that a test scripts. Everything is a function of the seed. */
export class VirtualWorld {
  readonly sockets: FakeSocket[] = [];
  readonly stored = new Map<string, string>();
  /** What pages keep for each other. */
  readonly records = new Map<string, string>();
  readonly #holders = new Map<string, Page>();
  #pages = 0;
  /** Called when the client opens a socket. */
  accept: (socket: FakeSocket) => void = () => {};
  wallStart = 1_700_000_000_000;
  #now = 0;
  #timers: Timer[] = [];
  #order = 0;
  #seed: number;
  #wakes = new Set<() => void>();

  constructor(seed = 1) {
    this.#seed = seed;
  }

  /** Virtual milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** The newest socket. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }

  /** Uniform in [0, 1), mulberry32. */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** Runs once, `delayMs` later. */
  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#now + delayMs, order: this.#order++, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** The device wakes up. */
  wake(): void {
    for (const run of this.#wakes) run();
  }

  /** What the SDK gets. */
  environment(options: { storage?: boolean } = {}): Environment {
    let ids = 0;
    const storage: ClientStorage = {
      get: (key) => this.stored.get(key),
      set: (key, value) => void this.stored.set(key, value),
    };
    return {
      now: () => this.#now,
      wall: () => this.wallStart + this.#now,
      after: (delayMs, run) => this.after(delayMs, run),
      random: () => this.random(),
      id: () => `id-${(ids += 1).toString().padStart(4, "0")}`,
      openSocket: (url, subprotocol) => this.#open(url, subprotocol),
      onWake: (run) => {
        this.#wakes.add(run);
        return () => void this.#wakes.delete(run);
      },
      ...(options.storage ? { storage } : {}),
    };
  }

  /** A page beside the others of this world. */
  page(): Page {
    const base = this.environment();
    const sockets: ClientSocket[] = [];
    const number = ++this.#pages;
    let open = true;
    const whileOpen = <T>(use: () => T): T => {
      if (!open) throw new Error("the page is closed");
      return use();
    };
    const shelf: Shelf = {
      names: () => whileOpen(() => [...this.records.keys()]),
      read: (name) => whileOpen(() => this.records.get(name)),
      write: (name, text) => whileOpen(() => void this.records.set(name, text)),
      remove: (name) => whileOpen(() => void this.records.delete(name)),
      hold: (name) => Promise.resolve(whileOpen(() => this.#hold(name, page))),
    };
    const page: Page = {
      environment: {
        ...base,
        id: () => `page-${number}-${base.id()}`,
        after: (delayMs, run) => base.after(delayMs, () => void (open && run())),
        openSocket: (url, subprotocol) => {
          const socket = base.openSocket(url, subprotocol);
          sockets.push(socket);
          return socket;
        },
        shelf,
      },
      close: () => {
        open = false;
        for (const socket of sockets) {
          const gone = (): void => {};
          Object.assign(socket, { onopen: gone, onmessage: gone, onclose: gone, send: gone });
        }
        for (const [name, holder] of this.#holders) if (holder === page) this.#holders.delete(name);
      },
    };
    return page;
  }

  #hold(name: string, page: Page): Cancel | undefined {
    if (this.#holders.has(name)) return undefined;
    this.#holders.set(name, page);
    return () => void this.#holders.delete(name);
  }

  /** Lets virtual time pass; all that is due runs in order, and promises in between. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#timers.reduce<Timer | undefined>(
        (best, timer) =>
          best && (best.at < timer.at || (best.at === timer.at && best.order < timer.order)) ? best : timer,
        undefined,
      );
      if (!next || next.at > until) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settle();
    }
    this.#now = until;
  }

  /** Lets time pass during which the device sleeps: nothing runs, and what was due runs late. */
  sleep(ms: number): void {
    this.#now += ms;
  }

  #open(url: string, subprotocol: string): FakeSocket {
    let over = false;
    const socket: FakeSocket = {
      url,
      subprotocol,
      sent: [],
      closedWith: undefined,
      onopen: () => {},
      onmessage: () => {},
      onclose: () => {},
      onclient: () => {},
      send(text) {
        const frame = JSON.parse(text) as Record<string, unknown>;
        socket.sent.push(frame);
        socket.onclient(frame);
      },
      close: (code) => void (socket.closedWith ??= code),
      say: (frame) => socket.onmessage(JSON.stringify(frame)),
      drop(code, reason = "") {
        if (over) return;
        over = true;
        socket.onclose(code, reason);
      },
    };
    this.sockets.push(socket);
    this.after(0, () => {
      socket.onopen();
      this.accept(socket);
    });
    return socket;
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
