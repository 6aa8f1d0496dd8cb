/**
 * The connection log: one line of JSON for every device that comes or goes, which `sim -- import` turns into a storm.
 * Role: hides ids behind a keyed hash, queues lines, appends them to a file in the background. Boundary: who comes and
 * goes is the connections' to say. Invariants: nobody ever waits for it; at most `queueLines` lines wait, and those that
 * find no room or cannot be written are counted; a line that was torn is ended before the next one begins.
 */
import { createHmac } from "node:crypto";
import { open, stat, type FileHandle } from "node:fs/promises";
import type { ConnectionEvent, ConnectionLog } from "../actors/connection-log.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Counter, Metrics } from "../base/metrics.ts";
import { ConfigError } from "./config.ts";

/** What a connection log is made of. */
export interface ConnectionLogParts {
  /** The file; lines are appended. */
  readonly path: string;
  readonly node: string;
  /** The server's secret: nodes that share it name a device alike. */
  readonly secret: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

const flushMs = 250;
const queueLines = 20_000;
const fileMode = 0o640;
const hashLength = 16;

/** Appends to a file. */
export class ConnectionLogFile implements ConnectionLog {
  readonly #parts: ConnectionLogParts;
  readonly #key: Buffer;
  readonly #dropped: Counter;
  readonly #cancel: Cancel;
  #lines: string[] = [];
  #file: FileHandle | undefined;
  #writing: Promise<void> | undefined;
  #torn: boolean;
  #failing = false;

  /** Opens the file. @throws ConfigError when it cannot be written */
  static async open(parts: ConnectionLogParts): Promise<ConnectionLogFile> {
    try {
      return new ConnectionLogFile(parts, await openFile(parts.path));
    } catch (error) {
      throw new ConfigError(`USHER_CONNECTION_LOG: ${parts.path} cannot be written: ${messageOf(error)}`);
    }
  }

  private constructor(parts: ConnectionLogParts, { file, torn }: OpenFile) {
    this.#parts = parts;
    this.#file = file;
    this.#torn = torn;
    this.#key = createHmac("sha256", parts.secret).update("usher connection log").digest();
    this.#dropped = parts.metrics.counter(
      "usher_connection_log_dropped_total",
      "Lines of the connection log that could not be kept",
    );
    this.#cancel = parts.clock.every(flushMs, () => this.#flush());
  }

  note({ tenant, role, user, device, what }: ConnectionEvent): void {
    const { event, ...how } = what;
    this.#add(event, {
      tenant: this.#hash(tenant),
      device: this.#hash(`${tenant}\n${role}\n${user}\n${device}`),
      role,
      ...how,
    });
  }

  /** Notes that this node begins to serve, or was told to stop: what ends without the latter was killed. */
  mark(event: "start" | "stop"): void {
    this.#add(event, {});
  }

  /** Writes what waits, and closes the file. */
  async close(): Promise<void> {
    this.#cancel();
    await this.#writing;
    this.#flush();
    await this.#writing;
    await this.#closeFile();
  }

  #add(event: string, fields: object): void {
    if (this.#lines.length >= queueLines) return this.#dropped.add();
    const { clock, node } = this.#parts;
    this.#lines.push(`${JSON.stringify({ at: clock.wall(), node, event, ...fields })}\n`);
  }

  #hash(text: string): string {
    return createHmac("sha256", this.#key).update(text).digest("base64url").slice(0, hashLength);
  }

  #flush(): void {
    if (this.#writing !== undefined || this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#writing = this.#write(Buffer.from(lines.join(""))).finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(bytes: Buffer): Promise<void> {
    let written = 0;
    try {
      const file = await this.#current();
      if (this.#torn) await file.write("\n");
      this.#torn = false;
      while (written < bytes.length) written += (await file.write(bytes, written)).bytesWritten;
      if (this.#failing) this.#parts.log.info("the connection log is written again");
      this.#failing = false;
    } catch (error) {
      this.#dropped.add(bytes.subarray(written).reduce((lines, byte) => lines + Number(byte === newline), 0));
      if (!this.#failing)
        this.#parts.log.warn("the connection log cannot be written", { error: messageOf(error) });
      this.#failing = true;
      await this.#closeFile();
    }
  }

  /** The file of that name: another one than before, once it was rotated away. */
  async #current(): Promise<FileHandle> {
    const { path } = this.#parts;
    if (this.#file !== undefined) {
      const [named, held] = await Promise.all([stat(path).catch(() => undefined), this.#file.stat()]);
      if (named?.ino === held.ino && named.dev === held.dev) return this.#file;
      await this.#closeFile();
    }
    const { file, torn } = await openFile(path);
    this.#file = file;
    this.#torn = torn;
    return file;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch((error: unknown) => {
      this.#parts.log.debug("the connection log was not closed well", { error: messageOf(error) });
    });
  }
}

interface OpenFile {
  readonly file: FileHandle;
  /** Whether its last line was not finished: by a full disk, or by a process that was killed. */
  readonly torn: boolean;
}

const newline = 0x0a;

async function openFile(path: string): Promise<OpenFile> {
  const file = await open(path, "a+", fileMode);
  const { size } = await file.stat();
  if (size === 0) return { file, torn: false };
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return { file, torn: buffer[0] !== newline };
}
