import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemRandom } from "../../base/random.ts";
import { ConfigError } from "../../server/config.ts";
import { keptSecret } from "../../server/secret.ts";

const random = systemRandom();
let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "usher-secret-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe("secret", () => {
  it("is made once, for its owner's eyes, and found again", async () => {
    const data = join(dir, "new", "data");
    const secret = await keptSecret(data, random);
    expect(secret.length).toBeGreaterThanOrEqual(32);
    expect(await keptSecret(data, random)).toBe(secret);
    expect(statSync(join(data, "secret")).mode & 0o777).toBe(0o600);
    expect(readdirSync(data)).toEqual(["secret"]);
  });

  it("is the same for all that start together", async () => {
    const secrets = await Promise.all(Array.from({ length: 20 }, () => keptSecret(dir, random)));
    expect(new Set(secrets).size).toBe(1);
    expect(readdirSync(dir)).toEqual(["secret"]);
  });

  it("is not taken from a file that holds none", async () => {
    writeFileSync(join(dir, "secret"), "\n");
    await expect(keptSecret(dir, random)).rejects.toThrow(ConfigError);
  });

  it("says why it cannot be read", async () => {
    writeFileSync(join(dir, "file"), "");
    await expect(keptSecret(join(dir, "file"), random)).rejects.toThrow(/EEXIST|ENOTDIR/);
  });
});
