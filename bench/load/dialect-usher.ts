/**
 * Clients that speak `usher.v1.json` (docs/protocol.md): tokens signed with the development secret, numbered commands
 * that are sent again when refused, acknowledged deliveries, heartbeats.
 */
import { developmentSecret } from "../../compose/local/node.ts";
import { jwtTokens, type Tokens } from "../../edge/auth.ts";
import { benchTenant } from "../systems/tenant.ts";
import type { Attendee, Dialect, Returner, TalkListener, Talker, Target } from "./dialect.ts";
import { fillingOf } from "./marker.ts";
import { UsherClient, type UsherWorld } from "./usher-client.ts";
import { UsherReturner } from "./usher-returner.ts";
import { UsherTalker } from "./usher-talker.ts";

const room = "g.bench-room-0123456789";
const tokenTtlMs = 6 * 3600_000;

/** Usher's clients. */
export class UsherDialect implements Dialect {
  readonly troubles: Record<string, number> = {};
  readonly #target: Target;
  readonly #tokens: Tokens = jwtTokens(developmentSecret, () => Date.now());
  readonly #world: UsherWorld;

  constructor(target: Target) {
    this.#target = target;
    this.#world = {
      filling: fillingOf(target.bytes),
      trouble: (what) => {
        this.troubles[what] = (this.troubles[what] ?? 0) + 1;
      },
    };
  }

  async pair(
    i: number,
    listeners: readonly [TalkListener, TalkListener],
  ): Promise<readonly [Talker, Talker]> {
    const agent = await this.#attach("agent", `agent${i}`, i + 1);
    const visitor = await this.#attach("visitor", this.#name("v", i), i);
    await agent.command({ t: "status", status: "available" }, "S");
    const { conv } = await visitor.command({ t: "open", channel: `c${i}` }, "S");
    await visitor.command({ t: "human", conv }, "H");
    await Promise.all([agent.follows(conv), visitor.follows(conv)]);
    return [
      new UsherTalker(visitor, this.#world, conv, 0, listeners[0]),
      new UsherTalker(agent, this.#world, conv, 1, listeners[1]),
    ];
  }

  async idle(i: number): Promise<Attendee> {
    return this.#attach("visitor", this.#name("i", i), i);
  }

  async speaker(listener: TalkListener): Promise<Talker> {
    const client = await this.#attach("agent", this.#name("speaker", 0), 0);
    await client.command({ t: "create", conv: room, title: "Bench", members: [] }, "S");
    await client.follows(room);
    return new UsherTalker(client, this.#world, room, 0, listener);
  }

  async member(i: number): Promise<Attendee> {
    const client = await this.#attach("agent", this.#name("m", i), i);
    await client.command({ t: "join", conv: room }, "J");
    await client.follows(room);
    await client.until(() => client.cursor[0] >= 1, "the founding of the group");
    client.countOnly();
    return client;
  }

  async returner(i: number): Promise<Returner> {
    const user = this.#name("r", i);
    const token = await this.#token("visitor", user);
    const returner = new UsherReturner({ port: this.#port(i), token, device: user, world: this.#world });
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
      const client = await this.#attach("supervisor", this.#name("lead", s), s);
      for (let i = s; i < clients; i += speakers) {
        const conv = `s.${this.#name("r", i)}.1`;
        const sent = Array.from({ length: messages }, (_, k) =>
          client.command({ t: "send", conv, body: { kind: "text", text: `~0.${k}~missed` } }, "M"),
        );
        await Promise.all(sent);
      }
      client.close();
    };
    await Promise.all(Array.from({ length: speakers }, (_, s) => speak(s)));
  }

  #port(i: number): number {
    const { ports } = this.#target;
    return ports[i % ports.length] ?? 0;
  }

  #name(kind: string, i: number): string {
    return `b${this.#target.generator}-${kind}${i}`;
  }

  async #token(role: string, user: string): Promise<string> {
    return (await this.#tokens.issue({ tenant: benchTenant.id, role, user }, tokenTtlMs)).token;
  }

  async #attach(role: string, user: string, home: number): Promise<UsherClient> {
    return UsherClient.attach({
      port: this.#port(home),
      token: await this.#token(role, user),
      device: user,
      world: this.#world,
    });
  }
}
