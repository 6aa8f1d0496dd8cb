/** A conversation over the real SDK that is watched for pauses: the visitor speaks without end, the agent hears it. */
import { messageOf } from "../../base/errors.ts";
import { connect, type Client } from "../../client/client.ts";
import { nodeEnvironment } from "../../client/socket-node.ts";
import { developmentSecret } from "../../compose/local/node.ts";
import { jwtTokens } from "../../edge/auth.ts";
import { tappedEnvironment } from "../../test/support/tap.ts";
import { benchTenant } from "../systems/tenant.ts";
import { within } from "./dialect.ts";
import { Tally } from "./tally.ts";

/** Who talks, and where they are attached at first. */
export interface ChatSpec {
  readonly ports: readonly number[];
  /** Index of the port that the visitor begins with; after a failure the next one is tried. */
  readonly visitorAt: number;
  readonly agentAt: number;
  /** Names the agent, the channel and the visitor. */
  readonly i: number;
  /** Told apart from earlier chats of the same agent. */
  readonly tag: string;
}

const everyMs = 20;
const tokenTtlMs = 3600_000;
const settleMs = 60_000;

/** One watched conversation. */
export class WatchedChat {
  readonly tally = new Tally();
  /** Violations of order on the wire, as the SDK's sockets saw them. */
  violations = 0;
  readonly #visitor: Client;
  readonly #agent: Client;
  #conv = "";
  #talking = true;
  #lastAt = 0;
  #longestMs = 0;

  private constructor(visitor: Client, agent: Client) {
    this.#visitor = visitor;
    this.#agent = agent;
  }

  /** Attaches both, opens the conversation and begins to talk. @throws Error when that takes too long */
  static async begin(spec: ChatSpec): Promise<WatchedChat> {
    const { i, tag } = spec;
    let chat: WatchedChat | undefined;
    const onViolation = (): void => {
      if (chat !== undefined) chat.violations++;
    };
    const visitor = await client(spec, "visitor", `${tag}-${i}`, spec.visitorAt, onViolation);
    const agent = await client(spec, "agent", `agent${i}`, spec.agentAt, onViolation);
    chat = new WatchedChat(visitor, agent);
    await agent.status("available");
    await chat.#meet(`c${i}`);
    void chat.#talk();
    return chat;
  }

  /** Begins to look for the longest time in which nothing new arrived. */
  watch(): void {
    this.#lastAt = performance.now();
    this.#longestMs = 0;
  }

  /** The longest such time so far, in milliseconds, less the usual time between two messages. */
  get pauseMs(): number {
    return Math.max(0, Math.max(this.#longestMs, performance.now() - this.#lastAt) - everyMs);
  }

  /** Stops talking and waits until everything has arrived. */
  async end(): Promise<void> {
    this.#talking = false;
    await within(settleMs, (done) => {
      const timer = setInterval(() => {
        if (this.tally.open > 0) return;
        clearInterval(timer);
        done();
      }, everyMs);
    });
    await this.#visitor.close(this.#conv);
    this.#visitor.stop();
    this.#agent.stop();
  }

  async #meet(channel: string): Promise<void> {
    this.#conv = await this.#visitor.open(channel);
    this.#agent.on("event", ({ conv, ev }) => {
      if (conv !== this.#conv || ev.body.kind !== "message" || ev.body.body.kind !== "text") return;
      const now = performance.now();
      if (this.tally.arrive(Number(ev.body.body.text), now) === undefined) return;
      this.#longestMs = Math.max(this.#longestMs, now - this.#lastAt);
      this.#lastAt = now;
    });
    const late = performance.now() + settleMs;
    while (this.#agent.cursor(this.#conv) === undefined) {
      if (performance.now() > late) throw new Error(`${this.#conv} found no agent`);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }

  async #talk(): Promise<void> {
    while (this.#talking) {
      const k = this.tally.next(performance.now());
      try {
        await this.#visitor.send(this.#conv, String(k));
        this.tally.acked++;
      } catch (error) {
        process.stderr.write(`a send was refused: ${messageOf(error)}\n`);
      }
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}

async function client(
  { ports, tag }: ChatSpec,
  role: string,
  user: string,
  home: number,
  onViolation: () => void,
): Promise<Client> {
  const tokens = jwtTokens(developmentSecret, () => Date.now());
  const { token } = await tokens.issue({ tenant: benchTenant.id, role, user }, tokenTtlMs);
  const device = `${tag}-${user}`;
  const environment = tappedEnvironment({
    inner: nodeEnvironment(),
    device,
    urls: () => ports.map((port) => `ws://127.0.0.1:${port}/ws`),
    home,
    onViolation,
  });
  return connect({ url: "ws://usher/ws", token, device, environment });
}
