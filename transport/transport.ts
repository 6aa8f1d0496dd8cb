/**
 * The transport port: moves text from node to node, at most once, in order while a connection lasts. It knows no
 * actor, keeps nothing, and promises no delivery: links (actors/runtime) number what they send and notice a loss.
 */

/** What a probe of a node's subject found out within its bound. */
export type ProbeResult = "answered" | "no-responders" | "silent";

/** One node's way to the others. Names are node ids. */
export interface Transport {
  /** Whether a send now has a chance; false while the connection is away. */
  connected(): boolean;
  /**
   * Hands over one payload for a node; false when it could not even be tried (not connected, over
   * `maxPayloadBytes`). Never throws, never waits.
   */
  send(to: string, payload: string): boolean;
  /** Takes what is sent to `self`, one handler per name; resolves when the subscription is known to be in force. */
  subscribe(self: string, handler: (payload: string) => void): Promise<Subscription>;
  /** Asks whether anybody is subscribed under that name; answers come from the transport, not from the handler. */
  probe(to: string, boundMs: number): Promise<ProbeResult>;
  /** Resolves when everything sent so far has been handed to the network. @throws Failure TRANSPORT_UNAVAILABLE */
  flush(): Promise<void>;
  /** Calls back on every change of `connected()`. */
  onStatus(handler: (connected: boolean) => void): void;
  /** The largest payload that `send` takes, in bytes. */
  readonly maxPayloadBytes: number;
  /** Lets go of everything. */
  close(): Promise<void>;
}

/** A subscription in force. */
export interface Subscription {
  /** No payload reaches the handler after this returns. */
  unsubscribe(): void;
}
