import { missedMs, within, type Resumed, type Returner } from "./dialect.ts";
import { readMarker } from "./marker.ts";
import { UsherClient, type HotPath, type UsherAttach } from "./usher-client.ts";

/** Events of a conversation that waits for a person: `opened` and `queued`. */
const firstEvents = 2;

/** A visitor with a conversation of their own, who is cut off and resumes after the cursor. */
export class UsherReturner implements Returner, HotPath {
  readonly #spec: UsherAttach;
  #client: UsherClient | undefined;
  #cursor: readonly [number, number] = [0, 0];
  #conv = "";
  readonly #seen = new Set<number>();
  #expected = 0;
  #duplicated = 0;
  #done: () => void = () => {};

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
    this.#seen.clear();
    this.#duplicated = 0;
    this.#expected = messages;
    this.#client = await UsherClient.attach({
      ...this.#spec,
      resume: { conv: this.#conv, cursor: this.#cursor, hot: this },
    });
    const recovered = this.#client.welcome?.recovered[this.#conv] === true;
    if (this.#seen.size < messages && recovered) await within(missedMs, (done) => (this.#done = done));
    return { missed: this.#seen.size, duplicated: this.#duplicated, recovered };
  }

  tick(): void {
    this.#client?.tick();
  }

  close(): void {
    this.#client?.close();
  }

  delivered(chunk: Buffer, start: number, end: number): void {
    readMarker(chunk, start, end, (_side, k) => {
      if (this.#seen.has(k)) this.#duplicated++;
      this.#seen.add(k);
      if (this.#seen.size >= this.#expected) this.#done();
    });
  }

  acked(): void {
    this.#spec.world.trouble("unexpected ack");
  }

  refused(): void {
    this.#spec.world.trouble("unexpected nack");
  }
}
