/**
 * 32-bit FNV-1a over UTF-16 code units, finished with murmur3's mixer so that short, similar keys spread evenly.
 * Fixed for ever: it decides which shard a key lives in.
 * Sources: RFC 9923 (FNV), Appleby's MurmurHash3 fmix32.
 */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    if (unit > 0xff) hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
