import type { SparseMap } from "../base/sparse-map.ts";
import type { ConversationId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";

const typingMs = 1000;

/**
 * Whether one connection may tell now that somebody types: once a second in each conversation.
 * @param toldAt when it last told, in milliseconds of the node's clock; noted here
 */
export function takeTyping(
  toldAt: SparseMap<ConversationId, number>,
  conv: ConversationId,
  now: number,
): boolean {
  if (now - (toldAt.get(conv) ?? -Infinity) < typingMs) return false;
  if (toldAt.size >= limits.maxFollowed) toldAt.clear();
  toldAt.set(conv, now);
  return true;
}
