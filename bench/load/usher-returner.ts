import type { Resumed, Returner } from "./dialect.ts";
import { Missed } from "./missed.ts";
import { UsherClient, type HotPath, type UsherAttach } from "./usher-client.ts";

/** Events of a conversation that waits for a person: `opened` and `queued`. */
const firstEvents = 2;

/** A visitor with a conversation of their own, who is cut off and resumes after the cursor. */
export class UsherReturner implements Returner, HotPath {
  #spec: UsherAttach;
  readonly #scattered: boolean;
  #client: UsherClient | undefined;
  #cursor: readonly [number, number] = [0, 0];
  #conv = "";
  readonly #missed = new Missed();

  /** @param scattered whether it comes back to the same node; if not, as the SDK does, to the one that `welcome` named */
  constructor(spec: UsherAttach, scattered: boolean) {
    this.#spec = spec;
    this.#scattered = scattered;
  }

  /** Attaches and opens the conversation. */
  async begin(channel: string): Promise<void> {
    const client = await UsherClient.attach(this.#spec);
    const { conv } = await client.command({ t: "open", channel }, "S");
    await client.follows(conv);
    await client.until(() => client.cursor[0] >= firstEvents, "the first events");
    this.#conv = conv;
    this.#client = client;
    const url = client.welcome?.url;
    if (url !== undefined && !this.#scattered)
      this.#spec = { ...this.#spec, port: Number(new URL(url).port) };
  }

  cut(): void {
    this.#cursor = this.#client?.cursor ?? this.#cursor;
    this.#client?.cut();
  }

  /** @throws Error when the connection is refused for good, or lost on the way */
  async resume(messages: number): Promise<Resumed> {
    this.#missed.expect(messages);
    this.#client = await UsherClient.attach({
      ...this.#spec,
      resume: { conv: this.#conv, cursor: this.#cursor, hot: this },
    });
    return this.#missed.arrived(this.#client.welcome?.recovered[this.#conv] === true);
  }

  tick(): void {
    this.#client?.tick();
  }

  close(): void {
    this.#client?.close();
  }

  delivered(chunk: Buffer, start: number, end: number): void {
    this.#missed.heard(chunk, start, end);
  }

  acked(): void {
    this.#spec.world.trouble("unexpected ack");
  }

  refused(): void {
    this.#spec.world.trouble("unexpected nack");
  }
}
