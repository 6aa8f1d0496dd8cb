import type { DeskId, TenantId, UserId } from "../protocol/ids.ts";

/** Where customers come in: maps to a skill group and perhaps a robot. */
export interface Channel {
  readonly id: string;
  readonly name: string;
  readonly desk: DeskId;
  readonly robot?: string;
}

/** A skill group. */
export interface DeskConfig {
  readonly id: DeskId;
  readonly name: string;
}

/** An agent's place in the tenant: the skill groups served, in order, and chats at a time. */
export interface AgentConfig {
  readonly id: UserId;
  readonly name: string;
  readonly desks: readonly DeskId[];
  readonly capacity: number;
}

/** One piece of a robot's knowledge. */
export interface KnowledgeEntry {
  /** Ways to ask. */
  readonly questions: readonly string[];
  readonly answer: string;
}

/** A robot: what it says first, what it knows, what it says when it does not know. */
export interface RobotConfig {
  readonly id: string;
  readonly name: string;
  readonly greeting: string;
  readonly unknown: string;
  readonly entries: readonly KnowledgeEntry[];
}

/** How conversations of a tenant end by themselves. */
export interface ConversationPolicy {
  /** Silence after which the idle notice comes. */
  readonly idleMs: number;
  /** Time from the notice to the close. */
  readonly idleNoticeMs: number;
  /** Robot answers "unknown" this many times in a row, then a person is asked for. */
  readonly robotTries: number;
  /** All devices of an agent gone this long: the agent is offline, chats go back to their desk. */
  readonly agentGraceMs: number;
}

/** One tenant as configured. */
export interface TenantConfig {
  readonly id: TenantId;
  readonly name: string;
  readonly channels: readonly Channel[];
  readonly desks: readonly DeskConfig[];
  readonly robots: readonly RobotConfig[];
  readonly agents: readonly AgentConfig[];
  readonly policy: ConversationPolicy;
}

/** Looks configuration up; the same answers on every node. */
export interface Directory {
  tenant(tenant: TenantId): TenantConfig | undefined;
  channel(tenant: TenantId, id: string): Channel | undefined;
  desk(tenant: TenantId, id: string): DeskConfig | undefined;
  robot(tenant: TenantId, id: string): RobotConfig | undefined;
  /** An agent that is not listed has no desks and capacity 0. */
  agent(tenant: TenantId, id: string): AgentConfig | undefined;
}

/** Builds a directory over a fixed list of tenants. */
export function directoryOf(tenants: readonly TenantConfig[]): Directory {
  const byId = new Map<TenantId, TenantConfig>(tenants.map((tenant) => [tenant.id, tenant]));
  const find = <T extends { readonly id: string }>(
    list: readonly T[] | undefined,
    id: string,
  ): T | undefined => list?.find((item) => item.id === id);
  return {
    tenant: (tenant) => byId.get(tenant),
    channel: (tenant, id) => find(byId.get(tenant)?.channels, id),
    desk: (tenant, id) => find(byId.get(tenant)?.desks, id),
    robot: (tenant, id) => find(byId.get(tenant)?.robots, id),
    agent: (tenant, id) => find(byId.get(tenant)?.agents, id),
  };
}
