/**
 * A process of its own that appends to a SQLite store until it is killed, and prints each acknowledgement.
 * Argument: the file.
 */
import { writeSync } from "node:fs";
import { present } from "../../base/assert.ts";
import { systemClock } from "../../base/clock.ts";
import { sqliteStore } from "../../store/sqlite.ts";

const owner = "writer/1";
const store = sqliteStore({ file: present(process.argv[2], "a file is named"), clock: systemClock() });
await store.claim(owner, [{ shard: 0, epoch: 1 }]);
for (let seq = 1; ; seq++) {
  const [verdict] = await store.commit(owner, [
    { shard: 0, epoch: 1, number: seq, writes: [{ op: "append", log: "c", seq, event: `event ${seq}` }] },
  ]);
  if (verdict?.kind === "committed") writeSync(1, `acknowledged ${seq}\n`);
}
