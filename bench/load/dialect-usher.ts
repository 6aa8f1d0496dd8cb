/**
 * Clients that speak `usher.v1.json` (docs/protocol.md): tokens signed with the development secret, numbered commands
 * that are sent again when refused, acknowledged deliveries, heartbeats.
 */
import { benchTenant } from "../systems/tenant.ts";
import type { Attendee, Dialect, Returner, Seat, TalkListener, Talker, Target } from "./dialect.ts";
import { UsherPeople } from "./usher-people.ts";
import { UsherReturner } from "./usher-returner.ts";
import { UsherTalker } from "./usher-talker.ts";

const room = "g.bench-room-0123456789";

/** Usher's clients. */
export class UsherDialect implements Dialect {
  readonly #people: UsherPeople;

  constructor(target: Target) {
    this.#people = new UsherPeople(target);
  }

  get troubles(): Readonly<Record<string, number>> {
    return this.#people.troubles;
  }

  async pair(
    { pair, homes, scattered }: Seat,
    listeners: readonly [TalkListener, TalkListener],
  ): Promise<readonly [Talker, Talker]> {
    const name = this.#people.name("v", pair);
    const [visitor, home] =
      scattered === true
        ? ([await this.#people.attach("visitor", name, homes[0]), homes[0]] as const)
        : await this.#people.attachAtOwner("visitor", name, homes[0]);
    const agent = await this.#people.attach("agent", `agent${pair}`, home + homes[1] - homes[0]);
    await agent.command({ t: "status", status: "available" }, "S");
    const { conv } = await visitor.command({ t: "open", channel: `c${pair}` }, "S");
    await visitor.command({ t: "human", conv }, "H");
    await Promise.all([agent.follows(conv), visitor.follows(conv)]);
    return [
      new UsherTalker(visitor, this.#people.world, conv, 0, listeners[0]),
      new UsherTalker(agent, this.#people.world, conv, 1, listeners[1]),
    ];
  }

  async idle(i: number): Promise<Attendee> {
    return this.#people.attach("visitor", this.#people.name("i", i), i);
  }

  async speaker(listener: TalkListener): Promise<Talker> {
    const client = await this.#people.attach("agent", this.#people.name("speaker", 0), 0);
    await client.command({ t: "create", conv: room, title: "Bench", members: [] }, "S");
    await client.follows(room);
    return new UsherTalker(client, this.#people.world, room, 0, listener);
  }

  async member(i: number): Promise<Attendee> {
    const client = await this.#people.attach("agent", this.#people.name("m", i), i);
    await client.command({ t: "join", conv: room }, "J");
    await client.follows(room);
    await client.until(() => client.cursor[0] >= 1, "the founding of the group");
    client.countOnly();
    return client;
  }

  async returner(i: number, scattered: boolean): Promise<Returner> {
    const user = this.#people.name("r", i);
    const token = await this.#people.token("visitor", user);
    const { world } = this.#people;
    const returner = new UsherReturner({ port: this.#people.port(i), token, device: user, world }, scattered);
    await returner.begin(`c${i % benchTenant.agents}`);
    return returner;
  }

  async settle(): Promise<void> {
    // Cursors came with the first events.
  }

  /** Supervisors speak in the visitors' conversations: each client misses events of its own log. */
  async miss(clients: number, messages: number): Promise<void> {
    const speakers = Math.min(clients, benchTenant.supervisors);
    const speak = async (s: number): Promise<void> => {
      const client = await this.#people.attach("supervisor", this.#people.name("lead", s), s);
      for (let i = s; i < clients; i += speakers) {
        const conv = `s.${this.#people.name("r", i)}.1`;
        const sent = Array.from({ length: messages }, (_, k) =>
          client.command({ t: "send", conv, body: { kind: "text", text: `~0.${k}~missed` } }, "M"),
        );
        await Promise.all(sent);
      }
      client.close();
    };
    await Promise.all(Array.from({ length: speakers }, (_, s) => speak(s)));
  }
}
