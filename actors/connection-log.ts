/** Port: where a node tells which devices come and go, for who wants to replay it. */

/** Who ended a connection: this server, the client, nobody (it broke), or a node that sends its clients away. */
export type DetachCause = "server" | "client" | "lost" | "drain";

/** The close code of a connection that ended without a close frame (RFC 6455, section 7.4.1). */
export const lostCode = 1006;

/** A device that is served from now on, or no more. Ids as clients know them: whoever writes them down hides them. */
export interface ConnectionEvent {
  readonly tenant: string;
  readonly role: string;
  readonly user: string;
  readonly device: string;
  readonly what:
    /** `resume`: the client held cursors. `tookMs`: since its socket was opened. */
    | { readonly event: "attach" | "resume"; readonly tookMs: number }
    | { readonly event: "detach"; readonly code: number; readonly cause: DetachCause };
}

/** Takes events; never waits, never throws. */
export interface ConnectionLog {
  note(event: ConnectionEvent): void;
}
