import { readFile } from "node:fs/promises";
import { Type, type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { TenantConfig } from "../actors/directory.ts";
import { messageOf } from "../base/errors.ts";
import { ID_PATTERN, TENANT_PATTERN } from "../protocol/ids.ts";
import { ConfigError } from "./config.ts";

const id = Type.String({ pattern: ID_PATTERN });
const name = Type.String({ minLength: 1, maxLength: 256 });
const ms = Type.Integer({ minimum: 1000, maximum: 30 * 24 * 3600_000 });

const tenantSchema = Type.Object({
  id: Type.String({ pattern: TENANT_PATTERN }),
  name,
  channels: Type.Array(Type.Object({ id, name, desk: id, robot: Type.Optional(id) })),
  desks: Type.Array(Type.Object({ id, name })),
  robots: Type.Array(
    Type.Object({
      id,
      name,
      greeting: Type.String(),
      unknown: Type.String(),
      entries: Type.Array(
        Type.Object({
          questions: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
          answer: Type.String({ minLength: 1 }),
        }),
      ),
    }),
  ),
  agents: Type.Array(
    Type.Object({ id, name, desks: Type.Array(id), capacity: Type.Integer({ minimum: 0, maximum: 100 }) }),
  ),
  policy: Type.Object({
    idleMs: ms,
    idleNoticeMs: ms,
    robotTries: Type.Integer({ minimum: 1, maximum: 100 }),
    agentGraceMs: ms,
  }),
});
const fileSchema = Type.Object({ tenants: Type.Array(tenantSchema, { minItems: 1 }) });
type TenantsFile = Static<typeof fileSchema>;

/**
 * Reads the tenants of an installation: `{"tenants": [...]}`, each as in actors/directory.ts.
 * @throws ConfigError with one line that names the file and the place
 */
export async function readTenants(file: string): Promise<readonly TenantConfig[]> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new ConfigError(`USHER_TENANTS: ${file} cannot be read: ${messageOf(error)}`);
  }
  const validator = Compile(fileSchema);
  if (!validator.Check(value)) {
    const [first] = validator.Errors(value);
    throw new ConfigError(
      `USHER_TENANTS: ${file}${first?.instancePath ?? ""} ${first?.message ?? "is not valid"}`,
    );
  }
  const { tenants } = value;
  const twice = repeated(tenants);
  if (twice !== undefined)
    throw new ConfigError(`USHER_TENANTS: ${file}: tenant ${twice} stands there twice`);
  for (const tenant of tenants) checkReferences(file, tenant);
  return tenants as unknown as readonly TenantConfig[];
}

function checkReferences(file: string, tenant: TenantsFile["tenants"][number]): void {
  const desks = new Set(tenant.desks.map((desk) => desk.id));
  const robots = new Set(tenant.robots.map((robot) => robot.id));
  const wrong = (what: string): never => {
    throw new ConfigError(`USHER_TENANTS: ${file}, tenant ${tenant.id}: ${what}`);
  };
  for (const kind of ["channels", "desks", "robots", "agents"] as const) {
    const twice = repeated(tenant[kind]);
    if (twice !== undefined) wrong(`${twice} stands twice among its ${kind}`);
  }
  for (const channel of tenant.channels) {
    if (!desks.has(channel.desk))
      wrong(`channel ${channel.id} names desk ${channel.desk}, which does not exist`);
    if (channel.robot !== undefined && !robots.has(channel.robot)) {
      wrong(`channel ${channel.id} names robot ${channel.robot}, which does not exist`);
    }
  }
  for (const agent of tenant.agents) {
    const missing = agent.desks.find((desk) => !desks.has(desk));
    if (missing !== undefined) wrong(`agent ${agent.id} serves desk ${missing}, which does not exist`);
  }
}

function repeated(named: readonly { id: string }[]): string | undefined {
  const seen = new Set<string>();
  return named.find(({ id }) => seen.size === seen.add(id).size)?.id;
}
