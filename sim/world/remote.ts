/**
 * Calls from one process to a server of the world and back: each way can delay or lose, the server takes its time, and
 * the caller gives up after a bound without knowing what became of it.
 */
import type { Failure } from "../../base/errors.ts";
import type { Process } from "./process.ts";
import { Uplink, type Server } from "./uplink.ts";
import { Way, type Distance, type WayParts } from "./way.ts";

/** A server with the process that does its work. */
export interface RemoteServer extends Server {
  readonly process: Process;
}

/** What a caller is made of. */
export interface RemoteParts extends WayParts {
  readonly distance: Distance;
  /** The caller gives up after this. */
  readonly boundMs: number;
  /** What an answer costs the caller's processor. */
  readonly answerMs: number;
}

/** The failures of one kind of server. */
export interface RemoteFailures {
  /** Nothing was applied. */
  unavailable(message: string): Failure;
  /** Whether it was applied is not known; for calls that change something. */
  unknown(message: string): Failure;
}

/** One process's access to one server. */
export class Remote {
  readonly uplink: Uplink;
  readonly #parts: RemoteParts;
  readonly #failures: RemoteFailures;
  readonly #process: Process;
  readonly #server: RemoteServer;
  readonly #there: Way;
  readonly #back: Way;

  constructor(
    parts: RemoteParts,
    failures: RemoteFailures,
    process: Process,
    server: RemoteServer,
    name: string,
  ) {
    this.#parts = parts;
    this.#failures = failures;
    this.#process = process;
    this.#server = server;
    this.uplink = new Uplink(process, parts.sky, server);
    const caller = process.name;
    this.#there = new Way(parts, caller, server.party, `${caller}>${name}`, parts.distance);
    this.#back = new Way(parts, server.party, caller, `${name}>${caller}`, parts.distance);
  }

  /** One call. `run` happens at the server; `changes`: an answer that does not come leaves the outcome unknown. */
  call<T>(what: string, changes: boolean, run: () => Promise<T>, costMs = 0): Promise<T> {
    const process = this.#process;
    return new Promise((resolve, reject) => {
      if (!this.uplink.up) {
        process.clock.soon(() => reject(this.#failures.unavailable(`${what}: no connection`)));
        return;
      }
      const cancel = process.clock.after(this.#parts.boundMs, () =>
        reject(
          changes
            ? this.#failures.unknown(`${what}: no answer`)
            : this.#failures.unavailable(`${what}: no answer`),
        ),
      );
      const answer = (settle: () => void): void => {
        const arrive = (): void => {
          cancel();
          settle();
        };
        this.#back.carry(this.#server.process, process, what, arrive, this.#parts.answerMs);
      };
      const arrive = (): void => {
        if (this.#server.down) {
          const error = this.#failures.unavailable(`${what}: refused`);
          return answer(() => reject(error));
        }
        run().then(
          (value) => answer(() => resolve(value)),
          (error: unknown) => answer(() => reject(error instanceof Error ? error : new Error(String(error)))),
        );
      };
      this.#there.carry(process, this.#server.process, what, arrive, costMs);
    });
  }

  /** Tells the caller something that it did not ask for. */
  tell(text: string, run: () => void): boolean {
    return this.#back.carry(this.#server.process, this.#process, text, run);
  }

  /** Ends it. */
  close(): void {
    this.uplink.close();
  }
}
