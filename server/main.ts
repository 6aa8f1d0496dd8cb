/**
 * The program: reads the settings, serves HTTP at once (not ready yet), waits for what it stands on, runs one node, and
 * on SIGTERM or SIGINT drains and leaves.
 */
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { getHeapStatistics } from "node:v8";
import { directoryOf, type TenantConfig } from "../actors/directory.ts";
import { sleep, systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { pinoLog } from "../base/log-pino.ts";
import { promMetrics } from "../base/metrics-prom.ts";
import { systemRandom } from "../base/random.ts";
import { adaptiveAdmission } from "../edge/admission.ts";
import { jwtTokens, type Tokens } from "../edge/auth.ts";
import { frameParser } from "../edge/frame-parser.ts";
import { httpServer } from "../edge/http/http.ts";
import { serveWebSockets } from "../edge/websocket.ts";
import type { TenantId } from "../protocol/ids.ts";
import { openBackends, type Backends } from "./backends.ts";
import { ConfigError, configHelp, readConfig, type Config } from "./config.ts";
import { ConnectionLogFile } from "./connection-log.ts";
import { demoTenant } from "./demo.ts";
import { startNode, type UsherNode } from "./node.ts";
import { keptSecret } from "./secret.ts";
import { readTenants } from "./tenants.ts";

const version = "0.1.0";
const root = fileURLToPath(new URL("..", import.meta.url));

async function main(): Promise<void> {
  if (process.argv.slice(2).some((arg) => arg === "--help" || arg === "-h")) {
    process.stdout.write(configHelp());
    return;
  }
  const config = readConfig(process.env);
  const tenants = config.tenantsFile === "" ? [demoTenant] : await readTenants(config.tenantsFile);
  await run(config, tenants);
}

async function run(config: Config, tenants: readonly TenantConfig[]): Promise<void> {
  const clock = systemClock();
  const random = systemRandom();
  const metrics = promMetrics();
  const directory = directoryOf(tenants);
  const secret = config.secret === "" ? await keptSecret(config.dataDir, random) : config.secret;
  const tokens = jwtTokens(secret, () => clock.wall());
  let node: UsherNode | undefined;
  let backends: Backends | undefined;
  let waitingFor = "its first steps";
  let stopping = false;

  const app = await httpServer({
    clock,
    random,
    tokens,
    directory,
    dev: config.dev,
    origins: config.origins,
    trustedProxies: config.trustedProxies,
    defaultTenant: tenants[0]?.id ?? ("demo" as TenantId),
    root,
    failed: (error) => log.error("a request failed", { error: messageOf(error) }),
    ready: () => node?.ready() ?? false,
    trouble: () => node?.trouble() ?? `waiting for ${waitingFor}`,
    scrape: () => metrics.scrape(),
    picture: () => node?.picture() ?? {},
    locate: (tenant, role, user) => node?.locate(tenant, role, user),
    history: async (tenant, visitor) => node?.history(tenant, visitor),
  });
  await app.listen({ port: config.port, host: config.host });
  const address = app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : config.port;
  const name =
    config.node === ""
      ? `${hostname()
          .replaceAll(/[^A-Za-z0-9_-]/g, "-")
          .slice(0, 50)}-${port}`
      : config.node;
  const log = pinoLog(config.logLevel, { node: name });
  if (config.devForAll) {
    log.warn(
      "development mode, and others can reach this address: anybody gets a token of any role, an admin's too; " +
        "set USHER_SECRET and USHER_TENANTS, or USHER_DEV=1 if this is meant",
      { host: config.host },
    );
  }
  const connectionLog =
    config.connectionLog === ""
      ? undefined
      : await ConnectionLogFile.open({ path: config.connectionLog, node: name, secret, clock, log, metrics });
  const webSockets = serveWebSockets({
    server: app.server,
    log,
    accepting: () => !stopping && node !== undefined && node.accepting(),
    origins: config.origins,
    compress: config.compress,
    open: (socket) => {
      if (node === undefined) throw new Error("upgrades are refused before the node stands");
      return node.open(socket);
    },
  });

  const shutDown = async (signal: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info("stopping", { signal });
    connectionLog?.mark("stop");
    clock.after(config.drainMs + stopWithinMs, () => {
      log.error("stopping takes too long; what is left ends now");
      process.exit(1);
    });
    await node?.drain();
    webSockets.close();
    await node?.stop();
    await app.close();
    await backends?.close();
    await connectionLog?.close();
    log.info("stopped");
    process.exit(0);
  };
  const leave = (why: string): void => {
    shutDown(why).catch((error: unknown) => {
      log.error("stopping failed", { error: messageOf(error) });
      process.exit(1);
    });
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => leave(signal));
  if (config.underNpm) leaveWithParent(leave);

  backends = await openBackends({
    clock,
    log,
    metrics,
    config,
    node: name,
    onWaiting: (what) => {
      waitingFor = what;
    },
    stopped: () => stopping,
  });
  if (stopping) return;
  node = await startNode({
    clock,
    random,
    log,
    metrics,
    ...backends,
    directory,
    verify: tokens.verify,
    admission: adaptiveAdmission(config.admitPerSecond, random, () => clock.now()),
    memory: usedHeapShare,
    parse: frameParser(),
    self: { node: name, version, url: config.url, zone: config.zone, lane: config.lane, capacity: 1 },
    shards: config.shards,
    rate: config.rate,
    drainMs: config.drainMs,
    ...(connectionLog === undefined ? {} : { connectionLog }),
  });
  connectionLog?.mark("start");
  while (!node.ready() && !stopping) await sleep(clock, readyPollMs);
  if (stopping) return;
  const host = config.host === "0.0.0.0" ? "127.0.0.1" : config.host;
  await announce(config, tokens, tenants, `http://${host}:${port}`);
  log.info("listening", { port, mode: config.cluster === undefined ? "embedded" : "cluster" });
}

function usedHeapShare(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return used / limit;
}

/** npm and its shell end at a signal without passing it on: a node that they started drains when they are gone. */
function leaveWithParent(leave: (why: string) => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    leave("the parent process ended");
  }, parentPollMs);
  timer.unref();
}

const parentPollMs = 250;

const readyPollMs = 20;
/** Beyond the time for sending clients away: handing over takes 20 s at most. */
const stopWithinMs = 30_000;
const announcedTokenMs = 12 * 3600_000;

/** In development: where to look, and tokens to try with. */
async function announce(
  config: Config,
  tokens: Tokens,
  tenants: readonly TenantConfig[],
  url: string,
): Promise<void> {
  const lines = [`Usher is listening on ${url}`];
  const [tenant] = tenants;
  if (config.dev && tenant !== undefined) {
    const issue = async (role: string, user: string): Promise<string> =>
      (await tokens.issue({ tenant: tenant.id, role, user }, announcedTokenMs)).token;
    lines.push(`  page       ${url}/   (a visitor in one tab, an agent in another)`);
    lines.push(`  websocket  ${url.replace("http", "ws")}/ws`);
    lines.push(`  tenant     ${tenant.id}`, "Tokens for trying, good for 12 hours:");
    lines.push(`  visitor ann  ${await issue("visitor", "ann")}`);
    for (const agent of tenant.agents.filter(({ desks }) => desks.length > 0)) {
      lines.push(`  agent ${agent.id}  ${await issue("agent", agent.id)}`);
    }
    lines.push(`  admin        ${await issue("admin", "root")}`);
    lines.push("Try: npm run chat -- --as visitor");
  }
  process.stdout.write(`${lines.join("\n")}\n`);
}

main().catch((error: unknown) => {
  const prefix = error instanceof ConfigError ? "configuration" : "usher could not start";
  process.stderr.write(`${prefix}: ${messageOf(error)}\n`);
  process.exit(1);
});
