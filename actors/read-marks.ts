import { SparseMap } from "../base/sparse-map.ts";
import { isStaff, type ConversationId } from "../protocol/ids.ts";
import { conversationAddress, encodeAddress, shardOf } from "./address.ts";
import type { ConnectionParts } from "./client-port.ts";
import type { Principal } from "./messages.ts";

/**
 * How far one connection's person has read. `read` frames are coalesced: the highest number per conversation is told to
 * the conversation once a second.
 */
export class ReadMarks {
  readonly #parts: ConnectionParts;
  readonly #marks = new SparseMap<ConversationId, number>();

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** Everything up to `seq` has been read. */
  note(conv: ConversationId, seq: number): void {
    if (seq > (this.#marks.get(conv) ?? 0)) this.#marks.set(conv, seq);
  }

  /** Whether all of them were told. */
  get told(): boolean {
    return this.#marks.size === 0;
  }

  /** Tells the conversations. */
  flush(by: Principal): void {
    if (this.#marks.size === 0) return;
    for (const [conv, seq] of this.#marks.entries()) void this.#tell(conv, seq, by);
    this.#marks.clear();
  }

  /** How many content events stand up to `seq` is read from the log, so that no client can claim it. */
  async #tell(conv: ConversationId, seq: number, by: Principal): Promise<void> {
    const address = conversationAddress(by.tenant, conv);
    const to = encodeAddress(address);
    const page = await this.#parts.hub.page(to, { before: seq + 1 }, 1);
    if (page === undefined) return this.note(conv, seq);
    const event = page.events.at(-1);
    if (event === undefined || event.seq !== seq) return;
    const count = isStaff(by.role) ? event.countStaff : event.countAll;
    const message = { kind: "read", by, seq, count } as const;
    this.#parts.send({ k: "actor", shard: shardOf(address, this.#parts.shards), to, message });
  }
}
