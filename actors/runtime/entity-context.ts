import type { Address } from "../address.ts";
import type { Context } from "../behavior.ts";
import type { Directory } from "../directory.ts";
import type { Cache } from "./cache.ts";
import type { EntityHost } from "./entity-host.ts";

/** What one actor's behaviour sees of the world. A class, since closures for each actor would weigh more than its state. */
export class EntityContext implements Context {
  readonly self: Address;
  readonly #host: EntityHost;
  readonly #kept: Cache<string | undefined>;
  readonly #members: Cache<boolean>;

  constructor(self: Address, host: EntityHost, kept: Cache<string | undefined>, members: Cache<boolean>) {
    this.self = self;
    this.#host = host;
    this.#kept = kept;
    this.#members = members;
  }

  get epoch(): number {
    return this.#host.epoch;
  }

  get ts(): number {
    return this.#host.wall();
  }

  get directory(): Directory {
    return this.#host.directory;
  }

  get devices(): number {
    return this.#host.devicesOf(this.self);
  }

  newId(): string {
    return this.#host.newId();
  }

  kept(key: string): string | undefined {
    return this.#kept.get(key);
  }

  isMember(member: string): boolean {
    return this.#members.get(member) ?? false;
  }
}
