/**
 * `npm run cluster`: NATS, Redis (append-only file, fsync always) and three nodes on loopback for development, until
 * Ctrl-C. Everything lives in a temporary folder and is gone afterwards.
 */
import { messageOf } from "../base/errors.ts";
import { startNats } from "./local/nats.ts";
import { startLocalNode, stopLocalNode, type LocalNode } from "./local/node.ts";
import { startRedis } from "./local/redis.ts";

const help = `usage: npm run cluster [-- --nodes N] [-- --port P] [-- --verbose]

Starts NATS, Redis and N nodes (3) on loopback, the first node on port P (8080) and the others above it.
Needs nats-server and redis-server; \`npm run provision\` installs them on Debian and Ubuntu. Ctrl-C stops everything.
`;

interface Options {
  readonly nodes: number;
  readonly port: number;
  readonly verbose: boolean;
}

function optionsOf(args: readonly string[]): Options | undefined {
  if (args.includes("--help") || args.includes("-h")) return undefined;
  const number = (name: string, fallback: number, max: number): number => {
    const at = args.indexOf(name);
    if (at < 0) return fallback;
    const value = Number(args[at + 1]);
    if (!Number.isInteger(value) || value < 1 || value > max)
      throw new Error(`${name} takes a number from 1 to ${max}`);
    return value;
  };
  return {
    nodes: number("--nodes", 3, 20),
    port: number("--port", 8080, 65_000),
    verbose: args.includes("--verbose"),
  };
}

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(help);
    return;
  }
  const stops: (() => Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;
  const stopEach = async (): Promise<void> => {
    process.stdout.write("\nstopping\n");
    for (const stop of stops.toReversed()) await stop();
  };
  /** Whoever asks again waits for the same end: what is left would outlive this process. */
  const stopAll = (): Promise<void> => (stopping ??= stopEach());
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => void stopAll().then(() => process.exit(0)));
  try {
    const nats = await startNats();
    stops.push(() => nats.stop());
    const redis = await startRedis();
    stops.push(() => redis.stop());
    process.stdout.write(`nats   ${nats.url}\nredis  ${redis.url}\n`);
    const nodes: LocalNode[] = [];
    for (let i = 0; i < options.nodes && stopping === undefined; i++) {
      const name = `node-${i + 1}`;
      const node = await startLocalNode({
        name,
        port: options.port + i,
        natsUrl: nats.url,
        redisUrl: redis.url,
        onOutput: (chunk) => {
          const first = nodes.length === 0 && !chunk.startsWith("{");
          if (options.verbose || first) process.stdout.write(chunk.replaceAll(/^\{/gm, `${name} {`));
        },
      });
      stops.push(() => stopLocalNode(node));
      nodes.push(node);
      process.stdout.write(`${name}  ${node.url}  ${node.socketUrl}\n`);
    }
    if (stopping === undefined) process.stdout.write("Ctrl-C stops them all\n");
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    await stopAll();
    process.exitCode = 1;
  }
}

await main();
