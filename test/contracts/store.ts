import { afterEach, beforeEach, describe } from "vitest";
import { testFencing } from "./store-fencing.ts";
import { benchOf, type StoreBench, type StoreHarness } from "./store-harness.ts";
import { testLostReplies } from "./store-lost-replies.ts";
import { testReads } from "./store-reads.ts";
import { testTime } from "./store-time.ts";
import { testWrites } from "./store-writes.ts";

/** The one suite that every adapter of the store port passes. */
export function storeContract(name: string, makeHarness: () => Promise<StoreHarness>): void {
  describe(`store contract: ${name}`, () => {
    let bench: StoreBench;
    beforeEach(async () => {
      bench = benchOf(await makeHarness());
    });
    afterEach(() => bench.harness.close());
    const current = (): StoreBench => bench;
    testFencing(current);
    testWrites(current);
    testReads(current);
    testTime(current);
    testLostReplies(current);
  });
}
