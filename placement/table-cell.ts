import type { Random } from "../base/random.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Kv, KvEntry, KvWrite } from "./kv.ts";
import { buried, isOutdated, remember, type ShardEntry, type ShardTable } from "./shard-table.ts";
import { decodeTable, encodeTable } from "./shard-table-codec.ts";

/**
 * The table as this node knows it: what the bucket holds (to compare and set against), and what is remembered.
 *
 * Boundary: reads and writes the key `table`, decides nothing about its content.
 * Invariants: what is remembered never loses an epoch per shard (FenceMonotone begins here); one write in flight; a
 * write whose outcome is unknown is read back by its nonce.
 */
export interface TableCellPorts {
  readonly kv: Kv;
  readonly random: Random;
  readonly log: Log;
  readonly shards: number;
  /** What is remembered, or what the bucket holds, changed. */
  readonly onChange: () => void;
  /** The bucket holds a table with another number of shards: this node is configured wrongly. */
  readonly onMismatch: (shards: number) => void;
}

/** What the bucket holds; a table that cannot be read counts as none, but its revision has to be named. */
type Stored = { readonly revision: number | undefined; readonly table: ShardTable | undefined };

/** What became of a write; `failed`: nothing is known, look again. */
export type TableWrite = "written" | "lost" | "failed";

const tableKey = "table";

/** See the file's head. */
export class TableCell {
  private readonly ports: TableCellPorts;
  private stored: Stored | undefined;
  private known: ShardTable | undefined;
  private version = 0;
  private refreshing: Promise<boolean> | undefined;

  constructor(ports: TableCellPorts) {
    this.ports = ports;
  }

  /** The newest table that this node remembers, per shard the highest epoch. */
  get remembered(): ShardTable | undefined {
    return this.known;
  }

  /** Whether it is known what the bucket holds, be it nothing. */
  get certain(): boolean {
    return this.stored !== undefined;
  }

  /** Whether the bucket holds the remembered table, nothing older and nothing else. */
  get current(): boolean {
    const table = this.stored?.table;
    return table !== undefined && this.known !== undefined && !isOutdated(table, this.known);
  }

  /** What the bucket holds cannot be relied on any more. */
  doubt(): void {
    this.stored = undefined;
    this.version += 1;
  }

  /** A change of the key, as the watch tells it. A lower revision than the known one is looked up, not believed. */
  observe(key: string, value: string | undefined, revision: number): void {
    if (key !== tableKey) return;
    const known = this.stored?.revision;
    if (known !== undefined && revision === known && value !== undefined) return;
    if (value === undefined || (known !== undefined && revision < known)) void this.refresh();
    else this.take({ key, value, revision });
  }

  /** Reads what the bucket holds. Resolves to false when it does not answer. */
  refresh(): Promise<boolean> {
    this.refreshing ??= this.read().finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  /** Writes the next version over what the bucket is known to hold. */
  async write(shards: readonly ShardEntry[], newlyDead: readonly string[]): Promise<TableWrite> {
    const stored = this.stored;
    if (stored === undefined) return "failed";
    const generation = Math.max(this.known?.generation ?? 0, stored.table?.generation ?? 0) + 1;
    const dead = buried(this.known?.dead ?? [], newlyDead);
    const table: ShardTable = { generation, writer: this.ports.random.id(), dead, shards };
    const value = encodeTable(table);
    try {
      const write = await this.put(value, stored.revision);
      if (write.kind === "written") {
        const overtaken = (this.stored?.revision ?? 0) > write.revision;
        if (!overtaken) this.take({ key: tableKey, value, revision: write.revision });
        return "written";
      }
    } catch (error) {
      if (codeOf(error) !== "KV_UNKNOWN_OUTCOME") {
        this.ports.log.debug("the table could not be written", { error: messageOf(error) });
        return "failed";
      }
    }
    this.doubt();
    if (!(await this.refresh())) return "failed";
    return this.writer() === table.writer ? "written" : "lost";
  }

  private writer(): string | undefined {
    return this.stored?.table?.writer;
  }

  private put(value: string, revision: number | undefined): Promise<KvWrite> {
    const { kv } = this.ports;
    return revision === undefined ? kv.create(tableKey, value) : kv.update(tableKey, value, revision);
  }

  private async read(): Promise<boolean> {
    for (;;) {
      const before = this.version;
      let entry: KvEntry | undefined;
      try {
        entry = await this.ports.kv.get(tableKey);
      } catch (error) {
        this.ports.log.debug("the table could not be read", { error: messageOf(error) });
        return false;
      }
      if (this.version !== before) continue;
      this.take(entry);
      return true;
    }
  }

  private take(entry: KvEntry | undefined): void {
    this.version += 1;
    const table = entry === undefined ? undefined : decodeTable(entry.value);
    if (entry !== undefined && table === undefined) {
      this.ports.log.error("the shard table cannot be read and will be rewritten", {
        revision: entry.revision,
      });
    }
    if (table !== undefined && table.shards.length !== this.ports.shards) {
      this.stored = undefined;
      this.ports.onMismatch(table.shards.length);
      return;
    }
    this.stored = { revision: entry?.revision, table };
    if (table !== undefined) this.known = remember(this.known, table);
    this.ports.onChange();
  }
}
