import type { TalkListener, Talker } from "./dialect.ts";
import { markedText, readMarker } from "./marker.ts";
import { numberAfter, type HotPath, type UsherClient, type UsherWorld } from "./usher-client.ts";

const retryMs = 100;

/** One side of a conversation: sends numbered messages, again if refused, and tells what arrives. */
export class UsherTalker implements Talker, HotPath {
  readonly #client: UsherClient;
  readonly #world: UsherWorld;
  readonly #side: number;
  readonly #listener: TalkListener;
  readonly #begin: string;
  readonly #unanswered = new Set<number>();
  #resending = false;

  constructor(client: UsherClient, world: UsherWorld, conv: string, side: number, listener: TalkListener) {
    this.#client = client;
    this.#world = world;
    this.#side = side;
    this.#listener = listener;
    this.#begin = `{"t":"send","conv":"${conv}","p":"C${side}","n":`;
    client.hot = this;
  }

  say(k: number): void {
    this.#unanswered.add(k);
    this.#send(k);
  }

  tick(): void {
    this.#client.tick();
  }

  close(): void {
    this.#client.close();
  }

  delivered(chunk: Buffer, start: number, end: number): void {
    readMarker(chunk, start, end, (side, k) => {
      if (side !== this.#side) this.#listener.heard(side, k);
    });
  }

  acked(chunk: Buffer, start: number): void {
    if (!this.#unanswered.delete(numberAfter(chunk, '"n":', start) - 1)) return;
    this.#client.own(chunk, start);
    this.#listener.acked();
  }

  refused(chunk: Buffer, start: number, end: number): void {
    const nack = JSON.parse(chunk.toString("utf8", start, end)) as {
      readonly code: string;
      readonly retry: string;
      readonly waitMs?: number;
    };
    this.#world.trouble(nack.code);
    if (this.#resending || nack.retry === "never") return;
    this.#resending = true;
    setTimeout(() => {
      this.#resending = false;
      for (const k of [...this.#unanswered].sort((a, b) => a - b)) this.#send(k);
    }, nack.waitMs ?? retryMs);
  }

  #send(k: number): void {
    const text = markedText(this.#side, k, this.#world.filling);
    this.#client.send(`${this.#begin}${k + 1},"after":${k},"body":{"kind":"text","text":"${text}"}}`);
  }
}
