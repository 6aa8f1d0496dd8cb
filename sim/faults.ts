/** Faults as data, so that a schedule can be printed, replayed and made smaller. */

/** What can go wrong. */
export const faultKinds = [
  "crash",
  "power-loss",
  "pause",
  "suspend",
  "leave",
  "partition",
  "delay",
  "loss",
  "duplicate",
  "bus-down",
  "kv-deaf",
  "kv-empty",
  "kv-old",
  "kv-false-winners",
  "store-down",
  "store-silent",
  "store-failover",
  "clock-rate",
  "wall-jump",
  "cut-sockets",
  "network-switch",
] as const;

/** The name of a fault. */
export type FaultKind = (typeof faultKinds)[number];

/** One fault of a schedule. */
export interface Fault {
  /** Milliseconds after the beginning of the chaos. */
  readonly at: number;
  readonly kind: FaultKind;
  /**
   * A node (`n1`), a zone (`z1`) where nodes end, stand still or tick, `*` for all, or for partition, delay, loss and duplicate a way: `n1>n2`, `n1|n2` for both
   * directions; parties are nodes, `clients`, `bus`, `store`. Of the store's own faults `store`, or one of its masters (`m1`).
   */
  readonly target: string;
  /**
   * How long it lasts; 0: until the world heals. A node that ended comes back after that, counted from when it had left
   * where it was to leave. Whose sockets were cut, there
   * nobody is let in for so long.
   */
  readonly for: number;
  /**
   * Delay in ms, share of messages, connections or users, lag of the store's replica in ms, rate of a clock, jump of a
   * wall clock in ms.
   */
  readonly value?: number;
}

/** One line that says what it is. */
export function faultText({ at, kind, target, for: lasts, value }: Fault): string {
  const span = lasts === 0 ? "" : ` for ${lasts}`;
  return `${at}: ${kind} ${target}${span}${value === undefined ? "" : ` (${value})`}`;
}
