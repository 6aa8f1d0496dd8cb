/**
 * Many conversations, each of which gets a message in its turn. Visitors open them and leave; supervisors speak, each in
 * conversations of their own, with `window` messages open.
 */
import { benchTenant } from "../systems/tenant.ts";
import { within, type Dialect } from "./dialect.ts";
import { inBatches, type Integrity, type Job, type JobSpec } from "./job.ts";
import { markedText } from "./marker.ts";
import { numberAfter, type UsherClient } from "./usher-client.ts";
import { UsherPeople } from "./usher-people.ts";
import { tickEach } from "./ticking.ts";

/** What was acknowledged while the window was open. */
export interface TouchWindow {
  readonly seconds: number;
  readonly completed: number;
}

const perVisitor = 20;
const setupsAtOnce = 40;
const touchMs = 600_000;
const drainMs = 30_000;
const retryMs = 100;

/** The job of one generator process. */
export class TouchJob implements Job {
  readonly #people: UsherPeople;
  readonly #spec: JobSpec;
  #speakers: Speaker[] = [];
  #openedAt = 0;
  #before = 0;

  constructor(_dialect: Dialect, spec: JobSpec) {
    this.#people = new UsherPeople(spec.target);
    this.#spec = spec;
  }

  async step(name: string): Promise<object> {
    switch (name) {
      case "prepare":
        return this.#prepare();
      case "touch":
        return this.#touchAll();
      case "talk":
        for (const speaker of this.#speakers) speaker.talk(Infinity);
        return {};
      case "open":
        this.#openedAt = performance.now();
        this.#before = this.#acked();
        return {};
      case "shut":
        return {
          seconds: (performance.now() - this.#openedAt) / 1000,
          completed: this.#acked() - this.#before,
        } satisfies TouchWindow;
      case "finish":
        return this.#finish();
      default:
        throw new Error(`conversations that are touched have no step ${name}`);
    }
  }

  async #prepare(): Promise<object> {
    const { size, window } = this.#spec;
    const opened = await inBatches(Math.ceil(size / perVisitor), setupsAtOnce, (v) => this.#open(v));
    const convs = opened.flat();
    const count = Math.min(convs.length, benchTenant.supervisors);
    this.#speakers = await inBatches(count, setupsAtOnce, async (s) => {
      const client = await this.#people.attach("supervisor", this.#people.name("lead", s), s);
      const own = convs.filter((_, i) => i % count === s);
      return new Speaker(client, this.#people, own, window);
    });
    tickEach(() => this.#speakers);
    return { conversations: convs.length };
  }

  async #open(v: number): Promise<string[]> {
    const visitor = await this.#people.attach("visitor", this.#people.name("t", v), v);
    const count = Math.min(perVisitor, this.#spec.size - v * perVisitor);
    const opens = Array.from({ length: count }, (_, k) => {
      const channel = `c${(v * perVisitor + k) % benchTenant.agents}`;
      return visitor.command({ t: "open", channel }, "S");
    });
    const convs = (await Promise.all(opens)).map(({ conv }) => conv);
    visitor.close();
    return convs;
  }

  /** Each conversation gets one message: all are in memory after that. */
  async #touchAll(): Promise<object> {
    await within(touchMs, (done) => {
      let busy = this.#speakers.length;
      for (const speaker of this.#speakers) {
        speaker.talk(speaker.conversations, () => {
          if (--busy === 0) done();
        });
      }
    });
    return {};
  }

  #acked(): number {
    return this.#speakers.reduce((sum, { acked }) => sum + acked, 0);
  }

  async #finish(): Promise<Integrity> {
    for (const speaker of this.#speakers) speaker.talk(0);
    await within(drainMs, (done) => {
      const timer = setInterval(() => {
        if (this.#speakers.some(({ open }) => open > 0)) return;
        clearInterval(timer);
        done();
      }, 20);
    });
    const lost = this.#speakers.reduce((sum, { open }) => sum + open, 0);
    for (const speaker of this.#speakers) speaker.close();
    return { lost, duplicated: 0, disordered: 0, troubles: this.#people.troubles };
  }
}

/** A supervisor who speaks in one conversation after the other, round and round. */
class Speaker {
  acked = 0;
  readonly #client: UsherClient;
  readonly #people: UsherPeople;
  readonly #convs: readonly string[];
  readonly #window: number;
  #sent = 0;
  #until = 0;
  #done: () => void = () => {};

  constructor(client: UsherClient, people: UsherPeople, convs: readonly string[], window: number) {
    this.#client = client;
    this.#people = people;
    this.#convs = convs;
    this.#window = Math.min(window, convs.length);
    client.hot = {
      delivered: () => people.world.trouble("unexpected delivery"),
      acked: () => this.#answered(),
      refused: (chunk, start, end) => this.#refused(chunk, start, end),
    };
  }

  get conversations(): number {
    return this.#convs.length;
  }

  /** Messages without an acknowledgement. */
  get open(): number {
    return this.#sent - this.acked;
  }

  /** Speaks that many more times; `done` is called when all of them are acknowledged. */
  talk(times: number, done: () => void = () => {}): void {
    this.#until = this.#sent + times;
    this.#done = done;
    this.#fill();
  }

  tick(): void {
    this.#client.tick();
  }

  close(): void {
    this.#client.close();
  }

  #fill(): void {
    while (this.#sent < this.#until && this.open < this.#window) this.#send(this.#sent++);
  }

  #send(k: number): void {
    const conv = this.#convs[k % this.#convs.length] ?? "";
    // Each conversation knows its own producer, whose numbers rise by one with each round.
    const after = Math.floor(k / this.#convs.length);
    const text = markedText(0, k, this.#people.world.filling);
    const body = `"body":{"kind":"text","text":"${text}"}`;
    this.#client.send(`{"t":"send","conv":"${conv}","p":"T","n":${after + 1},"after":${after},${body}}`);
  }

  #answered(): void {
    this.acked++;
    if (this.acked >= this.#until) this.#done();
    else this.#fill();
  }

  #refused(chunk: Buffer, start: number, end: number): void {
    const nack = JSON.parse(chunk.toString("utf8", start, end)) as {
      readonly conv?: string;
      readonly code: string;
      readonly retry: string;
      readonly waitMs?: number;
    };
    this.#people.world.trouble(nack.code);
    if (nack.retry === "never") return;
    const round = numberAfter(chunk, '"n":', start) - 1;
    const k = round * this.#convs.length + this.#convs.indexOf(nack.conv ?? "");
    setTimeout(() => this.#send(k), nack.waitMs ?? retryMs);
  }
}
