/**
 * Many visitors with the real SDK, of whom some lose their node. Each has said something before, and says something when
 * it is back: that is when it has recovered, and where the two stand in the log tells whether anything was lost.
 */
import { messageOf } from "../../base/errors.ts";
import { connect, type Client } from "../../client/client.ts";
import { Histogram } from "../measure/histogram.ts";
import { benchTenant } from "../systems/tenant.ts";
import type { Dialect } from "./dialect.ts";
import { inBatches, type Integrity, type Job, type JobSpec } from "./job.ts";
import { UsherPeople } from "./usher-people.ts";
import { wireEnvironment } from "./wire-environment.ts";

/** How those came back who had lost their node. */
export interface CrowdResult {
  /** Clients whose connection was lost. */
  readonly affected: number;
  readonly recovered: number;
  /** Of a `Histogram`, from the kill until attached again. */
  readonly online: readonly number[];
  /** Of a `Histogram`, from the kill until the next message was acknowledged. */
  readonly latencies: readonly number[];
}

interface Member {
  readonly client: Client;
  readonly conv: string;
  /** Where its first message stands in the log. */
  readonly seq: number;
  /** Wall time at which it lost its connection and was attached again; 0: not yet. */
  lostAt: number;
  onlineAt: number;
  /** Where its second message stands, and when that was known. */
  secondSeq: number;
  ackedAt: number;
  readonly texts: Map<string, number>;
}

const setupsAtOnce = 100;
const afterwardsAtOnce = 200;
const recoverMs = 120_000;
const lookMs = 50;

/** The job of one generator process. */
export class CrowdJob implements Job {
  readonly #people: UsherPeople;
  readonly #spec: JobSpec;
  #members: Member[] = [];
  /** How many have lost their node, and how many of those have not recovered. */
  #affected = 0;
  #unrecovered = 0;
  #failures = 0;

  constructor(_dialect: Dialect, spec: JobSpec) {
    this.#people = new UsherPeople(spec.target);
    this.#spec = spec;
  }

  async step(name: string, argument: number): Promise<object> {
    switch (name) {
      case "prepare":
        this.#members = await inBatches(this.#spec.size, setupsAtOnce, (i) => this.#come(i));
        return {};
      case "recover":
        return this.#recover(argument);
      case "finish":
        return this.#finish();
      default:
        throw new Error(`a crowd has no step ${name}`);
    }
  }

  async #come(i: number): Promise<Member> {
    const user = this.#people.name("k", i);
    const client = connect({
      url: "ws://usher/ws",
      token: await this.#people.token("visitor", user),
      device: user,
      environment: wireEnvironment(this.#spec.target.ports, i),
      historySize: 10,
    });
    const { agents, crowdFrom } = benchTenant;
    const channel = crowdFrom + (i % (agents - crowdFrom));
    const conv = await client.open(`c${channel}`);
    const texts = new Map<string, number>();
    client.on("message", ({ ev }) => {
      if (ev.body.kind !== "message" || ev.body.body.kind !== "text") return;
      texts.set(ev.body.body.text, (texts.get(ev.body.body.text) ?? 0) + 1);
    });
    const { seq } = await client.send(conv, "before");
    const member = { client, conv, seq, lostAt: 0, onlineAt: 0, secondSeq: 0, ackedAt: 0, texts };
    client.on("state", ({ state }) => {
      if (state === "waiting" && member.lostAt === 0) {
        member.lostAt = Date.now();
        this.#affected++;
        this.#unrecovered++;
      }
      if (state !== "online" || member.lostAt === 0 || member.onlineAt > 0) return;
      member.onlineAt = Date.now();
      void this.#speak(member);
    });
    return member;
  }

  async #speak(member: Member): Promise<void> {
    try {
      member.secondSeq = (await member.client.send(member.conv, "after")).seq;
      member.ackedAt = Date.now();
      if (member.lostAt > 0) this.#unrecovered--;
    } catch (error) {
      this.#failures++;
      this.#people.world.trouble(`refused: ${messageOf(error)}`);
    }
  }

  /** @param killedAt wall milliseconds */
  async #recover(killedAt: number): Promise<CrowdResult> {
    const late = Date.now() + recoverMs;
    // All sockets of a killed process end within moments; before the first did, nobody is to be waited for.
    while ((this.#affected === 0 || this.#unrecovered > 0) && Date.now() < late)
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    const affected = this.#members.filter(({ lostAt }) => lostAt > 0);
    const [online, latencies] = [new Histogram(), new Histogram()];
    for (const { onlineAt, ackedAt } of affected) {
      if (onlineAt > 0) online.add(onlineAt - killedAt);
      if (ackedAt > 0) latencies.add(ackedAt - killedAt);
    }
    const recovered = affected.filter(({ ackedAt }) => ackedAt > 0).length;
    return { affected: affected.length, recovered, online: online.counts, latencies: latencies.counts };
  }

  /** Everybody else says something, too; nothing of anybody may be missing, or there twice. */
  async #finish(): Promise<Integrity> {
    const silent = this.#members.filter(({ ackedAt, lostAt }) => ackedAt === 0 && lostAt === 0);
    await inBatches(silent.length, afterwardsAtOnce, async (i) => {
      const member = silent[i];
      if (member !== undefined) await this.#speak(member);
    });
    for (const { client } of this.#members) client.stop();
    const count = (is: (member: Member) => boolean): number => this.#members.filter(is).length;
    return {
      lost: count(({ seq, secondSeq }) => secondSeq <= seq),
      duplicated: count(({ seq, secondSeq, texts }) => {
        const twice = [...texts.values()].some((times) => times > 1);
        return twice || (secondSeq > 0 && secondSeq !== seq + 1);
      }),
      disordered: 0,
      troubles: { ...this.#people.troubles, ...(this.#failures === 0 ? {} : { failed: this.#failures }) },
    };
  }
}
