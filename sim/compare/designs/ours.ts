/**
 * Ours: a user's shard has one owner by the shard table; users connect to any node and are attached at their owner by
 * generation; a message is committed to the user's log under the owner's fence, acknowledged, and published to where the
 * user is attached.
 *
 * Production code: placement as a whole (beats, deaths, table, handoff; placement/placement.ts), the fences and logs of
 * the store, the attachments with their generations. Modelled here: the path between them, without actors, batching,
 * agents, and the links' repair of lost envelopes (this bus loses none). Messages between nodes are counted one by one;
 * production sends one batch for each peer and turn.
 */
import { sessionAddress, shardOf } from "../../../actors/address.ts";
import type { UserId } from "../../../protocol/ids.ts";
import { tenantId } from "../../people/tenant.ts";
import type { Design, Routing } from "../design.ts";
import type { Ground, GroundNode } from "../ground.ts";
import { Edge, type EdgeParts } from "./ours-edge.ts";

const shards = 256;

/** The design of this repository. */
export const ours: Design = {
  name: "ours",
  about: "shard table, fenced logs, generations; acknowledged after the commit",
  acknowledges: true,
  begin: (ground) => beginOurs(ground),
};

function beginOurs(ground: Ground): Routing {
  const shardOfUser = (user: number): number =>
    shardOf(sessionAddress(tenantId, "visitor", `u${user}` as UserId), shards);
  const shardByUser = ground.storm.arrivals.map((_, user) => shardOfUser(user));
  const edges = new WeakMap<GroundNode, Edge>();
  const owners = new Map<number, { readonly node: string; readonly epoch: number }>();
  const parts: EdgeParts = {
    ground,
    shards,
    shardOf: (user) => shardByUser[user] ?? 0,
    edges,
    cursors: new Map(),
    onRoutes(changed, placement) {
      for (const shard of changed) {
        const route = placement.route(shard);
        const known = owners.get(shard);
        if (route === undefined || route.state !== "stable" || route.epoch <= (known?.epoch ?? 0)) continue;
        owners.set(shard, { node: route.owner.node, epoch: route.epoch });
        if (known === undefined || known.node === route.owner.node) continue;
        if (ground.node(known.node) !== undefined)
          ground.measure.moved(shardByUser.filter((one) => one === shard).length);
      }
    },
  };
  const served = new WeakSet<GroundNode>();
  return {
    start: (node) => void edges.set(node, new Edge(parts, node)),
    serves(node) {
      if (edges.get(node)?.placement.ready() === true) served.add(node);
      return served.has(node);
    },
    opened: (node, connection) => void edges.get(node)?.attach(connection),
    closed: (node, connection) => edges.get(node)?.detach(connection),
    send: (node, message) => void edges.get(node)?.send(message),
  };
}
