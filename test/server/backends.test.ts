import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "../../base/log.ts";
import { silentMetrics } from "../../base/metrics.ts";
import { openBackends, type Backends } from "../../server/backends.ts";
import { readConfig } from "../../server/config.ts";
import { manualClock } from "../support/manual-clock.ts";

describe("the backends of an embedded node", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "usher-backends-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function open(env: Readonly<Record<string, string>>): Promise<Backends> {
    return openBackends({
      clock: manualClock(),
      log: silentLog(),
      metrics: silentMetrics(),
      config: readConfig({ USHER_DATA: join(folder, "data"), ...env }),
      node: "n1",
      onWaiting: () => {},
      stopped: () => false,
    });
  }

  it("are not opened with another number of shards than their data was made with", async () => {
    await (await open({})).close();
    await expect(open({ USHER_SHARDS: "64" })).rejects.toMatchObject({
      code: "STORE_CONFIG",
      message: expect.stringContaining("set USHER_SHARDS=256"),
    });
    await (await open({ USHER_SHARDS: "256" })).close();
  });
});
