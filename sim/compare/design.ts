/** What a routing design is to the storm: one small interface, one file for each in designs/. */
import type { Ground, GroundNode } from "./ground.ts";

/** One message on its way. */
export interface Message {
  readonly id: number;
  readonly from: number;
  readonly to: number;
}

/** One connection of a user, as its node holds it. */
export interface Connection {
  readonly id: number;
  readonly user: number;
  /** The device's rising number of this attempt. */
  readonly attempt: number;
  /** Whether the device is still at the other end: the node does not know. */
  live: boolean;
  /** Whether the node holds it. */
  open: boolean;
}

/** A design at work in one storm. Every call with a node happens in that node's process. */
export interface Routing {
  /** A run of a node begins. */
  start?(node: GroundNode): void;
  /** Whether that node takes connections; when missing, as soon as it runs. */
  serves?(node: GroundNode): boolean;
  /** The node for a user's connection, given the nodes that the gateway knows; when missing, any node that runs. */
  entrance?(user: number, living: readonly string[]): string;
  /** The coordination service has another list of living nodes; nobody has been told yet. */
  changed?(before: readonly string[], after: readonly string[]): void;
  /** A node hears who lives, in the order of their starts. */
  viewed?(node: GroundNode, living: readonly string[]): void;
  /** A device has connected. */
  opened(node: GroundNode, connection: Connection): void;
  /** A node has noticed, late perhaps, that a connection has ended. */
  closed(node: GroundNode, connection: Connection): void;
  /** A device hands a message to its node. */
  send(node: GroundNode, message: Message): void;
}

/** A design. */
export interface Design {
  readonly name: string;
  /** One line: what it does. */
  readonly about: string;
  /** Whether devices keep what was not acknowledged, and send it again over their next connection. */
  readonly acknowledges: boolean;
  begin(ground: Ground): Routing;
}
