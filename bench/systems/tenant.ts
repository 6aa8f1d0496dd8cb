/** What clients and servers of the benches agree on. */
export const benchTenant = {
  id: "demo",
  /** Agents, each alone at a desk: agent i serves desk `d<i>`, which channel `c<i>` leads to. */
  agents: 400,
  /** How many supervisors speak at once where all conversations get messages. */
  supervisors: 48,
  /** Clients that wait for nobody begin at the channels from here on, whose agents stay away. */
  crowdFrom: 100,
} as const;

/** The tenants file of the benches: no robot. */
export function benchTenants(): object {
  const indexes = Array.from({ length: benchTenant.agents }, (_, i) => i);
  const tenant = {
    id: benchTenant.id,
    name: "Bench",
    channels: indexes.map((i) => ({ id: `c${i}`, name: `Channel ${i}`, desk: `d${i}` })),
    desks: indexes.map((i) => ({ id: `d${i}`, name: `Desk ${i}` })),
    robots: [],
    agents: indexes.map((i) => ({ id: `agent${i}`, name: `Agent ${i}`, desks: [`d${i}`], capacity: 100 })),
    policy: { idleMs: 3_600_000, idleNoticeMs: 600_000, robotTries: 3, agentGraceMs: 600_000 },
  };
  return { tenants: [tenant] };
}
