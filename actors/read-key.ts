import { encodeAddress, type Address } from "./address.ts";

/** The kept record of a person's mark in a conversation; `who` is a session id, `v.<visitor>` or `a.<staff>`. */
export function readKey(conversation: Address, who: string): string {
  return `read/${encodeAddress(conversation)}/${who}`;
}
