import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { ConfigError } from "./config.ts";

const minLength = 32;

/**
 * The secret that an embedded node keeps beside its data, so that tokens outlive a restart; made at the first start. It
 * appears whole or not at all, and of two nodes that start together both get the same.
 * @throws ConfigError when the file holds no secret
 */
export async function keptSecret(dataDir: string, random: Random): Promise<string> {
  await mkdir(dataDir, { recursive: true });
  const file = join(dataDir, "secret");
  const secret = (await read(file)) ?? (await make(file, random));
  if (secret.length >= minLength) return secret;
  throw new ConfigError(`${file} is shorter than ${minLength} characters; remove it to get a new secret`);
}

async function read(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function make(file: string, random: Random): Promise<string> {
  const secret = random.id() + random.id() + random.id();
  const draft = `${file}.${random.id()}`;
  await writeFile(draft, `${secret}\n`, { mode: 0o600, flag: "wx" });
  try {
    await link(draft, file);
    return secret;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return (await read(file)) ?? secret;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}
