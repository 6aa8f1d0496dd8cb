import type { Resumed, Returner } from "./dialect.ts";
import { Missed } from "./missed.ts";
import { UsherClient, type HotPath, type UsherAttach } from "./usher-client.ts";

/** Events of a conversation that waits for a person: `opened` and `queued`. */
const firstEvents = 2;

/** A visitor with a conversation of their own, who is cut off and resumes after the cursor. */
export class UsherReturner implements Returner, HotPath {
  readonly #spec: UsherAttach;
  #client: UsherClient | undefined;
  #cursor: readonly [number, number] = [0, 0];
  #conv = "";
  readonly #missed = new Missed();

  constructor(spec: UsherAttach) {
    this.#spec = spec;
  }

  /** Attaches and opens the conversation. */
  async begin(channel: string): Promise<void> {
    const client = await UsherClient.attach(this.#spec);
    const { conv } = await client.command({ t: "open", channel }, "S");
    await client.follows(conv);
    await client.until(() => client.cursor[0] >= firstEvents, "the first events");
    this.#conv = conv;
    this.#client = client;
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
