/** A hash ring with virtual nodes (D; Karger et al. 1997): Murmur3, 100 points for each node, a user belongs to the next point. */
import type { Design } from "../design.ts";
import { murmur3 } from "../murmur3.ts";
import { Hashed, type Home } from "./hashed.ts";

/** Points of one node. */
const virtualNodes = 100;

interface Point {
  readonly at: number;
  readonly node: string;
}

/** Routing by ring. */
export const ring: Design = {
  name: "ring",
  about: "hash ring: Murmur3, 100 virtual nodes each",
  acknowledges: false,
  begin: (ground) => new Hashed(ground, ringHome()),
};

/** The home of a user on a ring; rings are remembered by their nodes. */
export function ringHome(): Home {
  const rings = new Map<string, readonly Point[]>();
  return (user, sorted) => {
    const key = sorted.join();
    const points = rings.get(key) ?? pointsOf(sorted);
    rings.set(key, points);
    return next(points, murmur3(`u${user}`));
  };
}

function pointsOf(nodes: readonly string[]): readonly Point[] {
  return nodes
    .flatMap((node) =>
      Array.from({ length: virtualNodes }, (_, i): Point => ({ at: murmur3(`${node}#${i}`), node })),
    )
    .sort((a, b) => a.at - b.at);
}

/** The first point at or after the hash, around the ring. */
function next(points: readonly Point[], hash: number): string {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle]?.at ?? 0) < hash) low = middle + 1;
    else high = middle;
  }
  return (points[low] ?? points[0])?.node ?? "";
}
