import { developmentSecret } from "../../compose/local/node.ts";
import { jwtTokens, type Tokens } from "../../edge/auth.ts";
import { benchTenant } from "../systems/tenant.ts";
import type { Target } from "./dialect.ts";
import { fillingOf } from "./marker.ts";
import { UsherClient, type UsherWorld } from "./usher-client.ts";

const tokenTtlMs = 6 * 3600_000;

/** The people of one generator process: names, tokens, and how they get in. */
export class UsherPeople {
  /** Refusals and repairs by what they were. */
  readonly troubles: Record<string, number> = {};
  readonly world: UsherWorld;
  readonly #target: Target;
  readonly #tokens: Tokens = jwtTokens(developmentSecret, () => Date.now());

  constructor(target: Target) {
    this.#target = target;
    this.world = {
      filling: fillingOf(target.bytes),
      trouble: (what) => {
        this.troubles[what] = (this.troubles[what] ?? 0) + 1;
      },
    };
  }

  /** The port of the node that is counted so, round and round. */
  port(i: number): number {
    const { ports } = this.#target;
    return ports[i % ports.length] ?? 0;
  }

  /** A name that no other generator process gives. */
  name(kind: string, i: number): string {
    return nameOf(this.#target.generator, kind, i);
  }

  /** A token that outlives the bench. */
  async token(role: string, user: string): Promise<string> {
    return (await this.#tokens.issue({ tenant: benchTenant.id, role, user }, tokenTtlMs)).token;
  }

  /** Attaches somebody with one device. @param home counts the node */
  async attach(role: string, user: string, home: number): Promise<UsherClient> {
    const token = await this.token(role, user);
    return UsherClient.attach({ port: this.port(home), token, device: user, world: this.world });
  }

  /**
   * Attaches somebody as the SDK does from its second connection on: at the node that `welcome` names, where the session
   * lives. @param home counts the node of the first connection
   * @returns the client, and the number of the node where it is now
   */
  async attachAtOwner(role: string, user: string, home: number): Promise<readonly [UsherClient, number]> {
    const first = await this.attach(role, user, home);
    const url = first.welcome?.url;
    const { ports } = this.#target;
    if (url === undefined) return [first, home % ports.length];
    first.close();
    const owner = ports.indexOf(Number(new URL(url).port));
    return [await this.attach(role, user, owner), owner];
  }
}

/** The name of a person: `v` for the visitors of pairs. */
export function nameOf(generator: number, kind: string, i: number): string {
  return `b${generator}-${kind}${i}`;
}
