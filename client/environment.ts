/** Takes back a timer or a registration; calling it again does nothing. */
export type Cancel = () => void;

/**
 * One WebSocket as the SDK sees it. The owner assigns the three handlers right after opening, before any of them can
 * run. `onclose` runs once, also when the socket never opened (code 1006 then).
 */
export interface ClientSocket {
  /** Sends one text message. Ignored unless the socket is open. */
  send(text: string): void;
  /** Starts closing; a code from a browser may only be 1000 or 3000-4999. */
  close(code: number, reason: string): void;
  onopen: () => void;
  onmessage: (text: string) => void;
  onclose: (code: number, reason: string) => void;
}

/** A few strings that outlive the page or process; the SDK keeps its device's attempt number there. */
export interface ClientStorage {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
}

/**
 * Records that outlive a page, each held by at most one load of the SDK at a time. What is held is let go when its page
 * or process ends, however it ends. Any method may throw, as a full or forbidden storage does.
 */
export interface Shelf {
  /** The names of all records. */
  names(): readonly string[];
  read(name: string): string | undefined;
  /** Writes a record that is held. */
  write(name: string, text: string): void;
  /** Removes a record that is held. */
  remove(name: string): void;
  /** Takes hold of a name; resolves to what lets go of it, or to undefined while another load holds it. */
  hold(name: string): Promise<Cancel | undefined>;
}

/**
 * All that the SDK needs from outside: time, chance, sockets. A browser, Node and the simulator each pass their own.
 */
export interface Environment {
  /** Monotonic milliseconds from an arbitrary start. */
  now(): number;
  /** Milliseconds since 1970. */
  wall(): number;
  /** Runs once, `delayMs` later. */
  after(delayMs: number, run: () => void): Cancel;
  /** Uniform in [0, 1). */
  random(): number;
  /** A fresh id of 16 characters of [A-Za-z0-9_-]. */
  id(): string;
  /** Opens a socket; may throw when the address is malformed. */
  openSocket(url: string, subprotocol: string): ClientSocket;
  readonly storage?: ClientStorage;
  /** Where messages without an answer are kept for the next page; without it they end with this one. */
  readonly shelf?: Shelf;
  /** Runs whenever the device may have slept or changed its network: the tab is shown again, the line is back. */
  onWake?(run: () => void): Cancel;
}

/** 16 characters of [A-Za-z0-9_-] from 12 random bytes. */
export function idFromBytes(bytes: Uint8Array): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  let id = "";
  for (let at = 0; at + 2 < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (const shift of [18, 12, 6, 0]) id += alphabet.charAt((group >> shift) & 63);
  }
  return id;
}

/** What a storage answers; undefined when it is full or forbidden, since that helps no less than none. */
export function attempted<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}
