import { SparseMap } from "../base/sparse-map.ts";
import { isStaff, type ConversationId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { conversationAddress, encodeAddress, shardOf } from "./address.ts";
import type { ConnectionParts } from "./client-port.ts";
import type { Principal } from "./messages.ts";

/**
 * How far one connection's person has read. `read` frames are coalesced: the highest number per conversation is told to
 * the conversation once a second, until it has kept it or the connection is gone.
 */
export class ReadMarks {
  readonly #parts: ConnectionParts;
  readonly #marks = new SparseMap<ConversationId, number>();
  /** How many are on their way. */
  #telling = 0;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** Everything up to `seq` has been read. */
  note(conv: ConversationId, seq: number): void {
    if (seq > (this.#marks.get(conv) ?? 0)) this.#marks.set(conv, seq);
  }

  /** Whether all of them are kept. */
  get told(): boolean {
    return this.#marks.size === 0 && this.#telling === 0;
  }

  /** Tells the conversations. */
  flush(by: Principal): void {
    if (this.#marks.size === 0) return;
    for (const [conv, seq] of this.#marks.entries()) void this.#tell(conv, seq, by);
    this.#marks.clear();
  }

  async #tell(conv: ConversationId, seq: number, by: Principal): Promise<void> {
    this.#telling++;
    try {
      if (!(await this.#isKept(conv, seq, by))) this.note(conv, seq);
    } finally {
      this.#telling--;
    }
  }

  /** How many content events stand up to `seq` is read from the log, so that no client can claim it. */
  async #isKept(conv: ConversationId, seq: number, by: Principal): Promise<boolean> {
    const address = conversationAddress(by.tenant, conv);
    const to = encodeAddress(address);
    const page = await this.#parts.hub.page(to, { before: seq + 1 }, 1);
    if (page === undefined) return false;
    const event = page.events.at(-1);
    if (event === undefined || event.seq !== seq) return true;
    const count = isStaff(by.role) ? event.countStaff : event.countAll;
    const message = { kind: "read", by, seq, count } as const;
    const shard = shardOf(address, this.#parts.shards);
    const reply = await this.#parts.ask({ k: "actor", shard, to, message }, limits.commandMs);
    return reply?.kind === "value";
  }
}
