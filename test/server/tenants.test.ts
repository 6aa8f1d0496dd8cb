import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../server/config.ts";
import { demoTenant } from "../../server/demo.ts";
import { readTenants } from "../../server/tenants.ts";

const dir = mkdtempSync(join(tmpdir(), "usher-tenants-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(content: unknown): string {
  const path = join(dir, "tenants.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const desk = { id: "d", name: "Desk" };
const tenant = {
  id: "shop",
  name: "Shop",
  channels: [{ id: "web", name: "Web", desk: "d" }],
  desks: [desk],
  robots: [],
  agents: [{ id: "amy", name: "Amy", desks: ["d"], capacity: 3 }],
  policy: { idleMs: 60_000, idleNoticeMs: 5000, robotTries: 3, agentGraceMs: 60_000 },
};

describe("tenants", () => {
  it("reads what is right", async () => {
    expect(await readTenants(file({ tenants: [tenant, demoTenant] }))).toHaveLength(2);
  });

  it.each([
    ["{", /cannot be read/],
    [[], /tenants/],
    [{ tenants: [] }, /tenants/],
    [{ tenants: [{ ...tenant, id: "Shop!" }] }, /\/tenants\/0\/id/],
    [
      { tenants: [{ ...tenant, policy: { ...tenant.policy, idleMs: "soon" } }] },
      /\/tenants\/0\/policy\/idleMs/,
    ],
    [{ tenants: [{ ...tenant, agents: [{ ...tenant.agents[0], capacity: -1 }] }] }, /capacity/],
    [
      { tenants: [{ ...tenant, channels: [{ id: "web", name: "W", desk: "x" }] }] },
      /desk x, which does not exist/,
    ],
    [
      { tenants: [{ ...tenant, channels: [{ id: "web", name: "W", desk: "d", robot: "r" }] }] },
      /robot r, which does not exist/,
    ],
    [
      { tenants: [{ ...tenant, agents: [{ ...tenant.agents[0], desks: ["y"] }] }] },
      /desk y, which does not exist/,
    ],
    [{ tenants: [tenant, tenant] }, /tenant shop stands there twice/],
    [{ tenants: [{ ...tenant, desks: [desk, desk] }] }, /d stands twice among its desks/],
  ] as const)("stops at %j with one line", async (content, line) => {
    const path = file(content);
    const failure = await readTenants(path).then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    expect(failure).toBeInstanceOf(ConfigError);
    expect(failure?.message).toMatch(line);
    expect(failure?.message).toContain(path);
    expect(failure?.message).not.toContain("\n");
  });

  it("stops at a file that is not there", async () => {
    await expect(readTenants(join(dir, "none.json"))).rejects.toThrow(/none\.json cannot be read/);
  });
});
