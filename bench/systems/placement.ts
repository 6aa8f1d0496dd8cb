/** Where Usher's nodes keep whom, as they say it themselves. */
import { sessionAddress, shardOf } from "../../actors/address.ts";
import { developmentSecret } from "../../compose/local/node.ts";
import { jwtTokens } from "../../edge/auth.ts";
import type { TenantId, UserId } from "../../protocol/ids.ts";
import { benchTenant } from "./tenant.ts";

const tokenTtlMs = 3600_000;

interface Picture {
  readonly shards: readonly { readonly owner: string; readonly state: string }[];
}

/** The owner of each shard, `node/incarnation`; undefined while something moves or a node does not answer. */
async function ownersAt(port: number): Promise<readonly string[] | undefined> {
  const tokens = jwtTokens(developmentSecret, () => Date.now());
  const claims = { tenant: benchTenant.id, role: "admin", user: "root" };
  const { token } = await tokens.issue(claims, tokenTtlMs);
  try {
    const response = await fetch(`http://127.0.0.1:${port}/admin/placement`, {
      headers: { authorization: `Bearer ${token}` },
    });
    if (!response.ok) return undefined;
    const { shards } = (await response.json()) as Picture;
    return shards.every(({ state }) => state === "stable") ? shards.map(({ owner }) => owner) : undefined;
  } catch {
    // A connection that was kept from the round before to a port that somebody else has now.
    return undefined;
  }
}

/** The name of the i-th node of a system. */
export function nodeName(i: number): string {
  return `n${i + 1}`;
}

/**
 * Resolves when every node owns shards, nothing moves, and all agree: with the index of each shard's owner.
 * @param dead the index of a node that is no more
 * @throws Error when that takes too long
 */
export async function calmOwners(
  ports: readonly number[],
  withinMs: number,
  dead = -1,
): Promise<readonly number[]> {
  const late = Date.now() + withinMs;
  const names = ports.map((_, i) => nodeName(i));
  const living = ports.filter((_, i) => i !== dead);
  while (Date.now() < late) {
    const pictures = await Promise.all(living.map((port) => ownersAt(port)));
    const [first] = pictures;
    const agreed = pictures.every((owners) => owners?.join() === first?.join());
    if (first !== undefined && agreed && new Set(first).size === living.length)
      return first.map((owner) => names.indexOf(owner.split("/")[0] ?? ""));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the shards did not come to rest");
}

/** Which node owns a person's session, and with a visitor's that of their conversations. */
export function ownerOf(owners: readonly number[], role: "visitor" | "agent", user: string): number {
  const address = sessionAddress(benchTenant.id as TenantId, role, user as UserId);
  return owners[shardOf(address, owners.length)] ?? 0;
}
