/** One client's socket, whatever carries it: a WebSocket, or a simulated one. */
export interface Socket {
  /** Hands over one text message; never waits. */
  send(text: string): void;
  /** Closes with a code of protocol/codes.ts. */
  close(code: number, reason: string): void;
  /** Bytes that were sent but are not with the operating system yet. */
  buffered(): number;
  /** Stops, or goes on, reading what the client sends. */
  pause(): void;
  resume(): void;
}

/** What a token says, once it has been verified. */
export interface Claims {
  readonly tenant: string;
  readonly role: string;
  readonly user: string;
  /** Wall time in milliseconds at which the token ends. */
  readonly expiresAt: number;
}

/** Verifies tokens; undefined for one that is not valid now. */
export type VerifyToken = (token: string) => Promise<Claims | undefined>;
