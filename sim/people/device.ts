/**
 * One customer's or agent's device, or one page of a browser: a process of its own that runs the real SDK. Role: the SDK's
 * environment on simulated sockets, in a tab, the history of what it saw, and how long its person waited. Boundary: what it
 * says is up to visitors, agents and members.
 */
import { connect, type Client } from "../../client/client.ts";
import type { Environment } from "../../client/environment.ts";
import type { Role } from "../../protocol/ids.ts";
import { textOf, type DeviceHistory, type History } from "../history.ts";
import { Stream } from "../world/chance.ts";
import type { Process } from "../world/process.ts";
import type { World } from "../world/world.ts";
import { Attention } from "./attention.ts";
import type { Browser } from "./browser.ts";
import { Heir } from "./heir.ts";
import { Line } from "./line.ts";
import { Messages } from "./messages.ts";
import { Tab, type Hiding } from "./tab.ts";
import { Tap, type WireTally } from "./tap.ts";

/** What the devices of a run share. */
export interface DeviceParts {
  readonly world: World;
  readonly history: History;
  readonly tally: WireTally;
  /** Milliseconds of attention from each loss of a connection to the next welcome; without those nobody was there for. */
  readonly recoveries: number[];
  /** Stands between a device's SDK and its environment. */
  readonly environmentThrough: (environment: Environment) => Environment;
}

/** One device. */
export class Device {
  readonly name: string;
  readonly user: string;
  readonly process: Process;
  readonly tab: Tab;
  readonly client: Client;
  readonly seen: DeviceHistory;
  readonly #parts: DeviceParts;
  readonly #line: Line;
  readonly #attention: Attention;
  readonly #browser: Browser | undefined;
  readonly #onClosed: () => void;
  readonly messages: Messages;
  #online = false;
  #gone = false;
  /** The attention at the loss of the connection. */
  #lostAt: number | undefined;
  #wake: () => void = () => {};

  /**
   * Begins to connect.
   * @param browser of a page that is one of several
   * @param onClosed called when its page has closed
   */
  constructor(
    parts: DeviceParts,
    role: Role,
    user: string,
    name: string,
    browser?: Browser,
    onClosed: () => void = () => {},
  ) {
    this.#parts = parts;
    this.#browser = browser;
    this.#onClosed = onClosed;
    this.name = name;
    this.user = user;
    this.process = parts.world.process(name);
    this.tab = new Tab(this.process, new Stream(parts.world.seed, `tab/${name}`).next());
    this.messages = new Messages(parts.history, this.process, browser);
    this.#line = new Line(this.process, parts.world.sockets);
    this.#attention = new Attention(() => parts.world.scheduler.now);
    this.seen = parts.history.device(name, role === "visitor" ? "all" : "staff");
    const token = () => `${role}:${user}`;
    const made = this.process.enter(() =>
      connect({
        url: "ws://usher/ws",
        token,
        device: name,
        environment: parts.environmentThrough(this.#environment()),
        historySize: 50,
      }),
    );
    if (made === undefined) throw new Error("a client could not be made");
    this.client = made;
    this.#listen();
  }

  /** Whether it was ended: nobody waits for it any more. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Highest number that it has seen in a conversation. */
  last(conv: string): number {
    return this.seen.seen.get(conv)?.at(-1)?.seq ?? 0;
  }

  /** Says something unique and records what came of it; resolves with the code of a refusal. */
  async say(conv: string): Promise<string | undefined> {
    const send = this.messages.begin(conv, this.last(conv));
    const from = this.#attention.elapsedMs;
    try {
      const { seq } = await this.client.send(conv, send.text);
      this.messages.settle(send, { seq });
      this.#parts.tally.answers.push(this.#attention.elapsedMs - from);
    } catch (error) {
      const code = codeOf(error);
      // Who stops never learns what became of it.
      if (code !== "STOPPED") this.messages.settle(send, { refused: code });
      return code;
    }
    return undefined;
  }

  /** Its network changes, after `gapMs` without any; the system says so to whoever listens. */
  changeNetwork(gapMs = 0): void {
    if (this.#gone) return;
    this.#attention.connect(false);
    this.#line.change(gapMs, () => this.#connected());
  }

  /** Its tab goes to the background. */
  hide(hiding: Hiding): void {
    this.#attention.show(false);
    this.tab.hide(hiding);
  }

  /** Its tab comes to the foreground. */
  show(): void {
    if (!this.tab.hidden) return;
    this.#attention.show(true);
    this.tab.show();
    this.#awake();
  }

  /** Its owner has it in hand again, where there is a network. */
  settle(): void {
    this.#line.restore(() => this.#connected());
    this.show();
  }

  /** Ends it. */
  stop(): void {
    this.#gone = true;
    this.process.enter(() => this.client.stop());
  }

  /** Its page closes: from this moment nothing of it happens any more; if `silently`, the servers do not hear of it. */
  close(silently: boolean): void {
    const { world, tally } = this.#parts;
    this.#gone = true;
    this.seen.closed = true;
    this.#count(false);
    tally.pagesClosed++;
    if (silently) world.sockets.abandon(this.process);
    else world.sockets.drop(this.process);
    this.process.kill();
    world.sockets.forget(this.process);
    this.#browser?.closed(this.process);
    this.messages.leave();
    this.#onClosed();
  }

  #count(online: boolean): void {
    if (this.#online === online) return;
    this.#online = online;
    this.#parts.tally.online += online ? 1 : -1;
  }

  #connected(): void {
    this.#attention.connect(true);
    this.#awake();
  }

  /** In its turn: a frozen page hears it when it thaws. */
  #awake(): void {
    this.process.clock.soon(() => this.#wake());
  }

  #environment(): Environment {
    const { tally, history, world } = this.#parts;
    const { clock, random } = this.process;
    const browser = this.#browser;
    const violate = (guarantee: string, text: string): void =>
      history.violate(guarantee, `${this.name}: ${text}`);
    const heir = browser === undefined ? undefined : new Heir(browser.left, () => world.scheduler.now);
    const tap = new Tap(tally, violate, heir);
    const stored = new Map<string, string>();
    return {
      now: () => clock.now(),
      wall: () => clock.wall(),
      after: (delayMs, run) => this.tab.after(delayMs, run),
      random: () => random.float(),
      id: () => random.id(),
      openSocket: (url) => tap.watch(this.#line.dial(url)),
      storage: browser?.storage ?? {
        get: (key) => stored.get(key),
        set: (key, value) => void stored.set(key, value),
      },
      ...(browser === undefined ? {} : { shelf: browser.shelf(this.process) }),
      onWake: (run) => {
        this.#wake = run;
        return () => {
          this.#wake = () => {};
        };
      },
    };
  }

  #listen(): void {
    const { client, seen } = this;
    const { recoveries, history, tally } = this.#parts;
    const stop = client.on("welcome", () => {
      stop();
      this.messages.welcomed();
    });
    client.on("event", ({ conv, seq, prev, epoch, ev }) => {
      const list = seen.seen.get(conv) ?? [];
      list.push({ seq, prev, epoch, text: textOf(ev.body) });
      seen.seen.set(conv, list);
      tally.delivered++;
    });
    client.on("reset", ({ conv }) => void seen.seen.set(conv, []));
    client.on("left", ({ conv }) => void seen.seen.delete(conv));
    client.on("state", ({ state }) => {
      this.#count(state === "online");
      const { elapsedMs, paid } = this.#attention;
      if (state === "online") {
        const waitedMs = elapsedMs - (this.#lostAt ?? elapsedMs);
        if (this.#lostAt !== undefined && (paid || waitedMs > 0)) recoveries.push(waitedMs);
        this.#lostAt = undefined;
      } else if (state === "waiting" && client.identity !== undefined) this.#lostAt ??= elapsedMs;
      else if (state === "stopped" && !this.process.dead) this.#lostAt = undefined;
    });
    client.on("error", (error) => {
      if (codeOf(error) === "UNKNOWN") history.violate("NoCrash", `${this.name}: ${error.message}`);
    });
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return "UNKNOWN";
}
