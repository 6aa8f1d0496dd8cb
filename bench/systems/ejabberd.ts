/**
 * ejabberd, where it is installed: a cluster of Erlang nodes with an empty database in a temporary directory. Anonymous
 * logins, no TLS, no shaper, and no modules but stream management and rooms: whatever that saves is its own.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findExecutable } from "../../compose/local/executable.ts";
import { freePort, startProcess } from "../../compose/local/process.ts";
import { startTogether, type System } from "./system.ts";

/** Its one host; rooms are at `conference.` of it. */
export const xmppHost = "bench";
/** The room of a fan-out. */
export const xmppRoom = "all";

/** Erlang 25 parts nodes that join one after the other, to prevent partitions that overlap; ejabberd does not expect that. */
const distribution = [
  ...["-setcookie", "bench", "-start_epmd", "false"],
  ...["-kernel", "inet_dist_use_interface", "{127,0,0,1}", "prevent_overlapping_partitions", "false"],
];
const joinMs = 60_000;
const joinRetryMs = 250;

/** ejabberd over WebSocket (RFC 7395) with stream management (XEP-0198): acknowledged, resumable, nothing on disk. */
export const ejabberd: System = {
  name: "ejabberd",
  missing: () =>
    findExecutable("erl") !== undefined && findExecutable("epmd") !== undefined && libraries() !== undefined
      ? undefined
      : "ejabberd is left out: it is not installed (Debian: apt-get install ejabberd)",
  start: ({ nodes }) =>
    startTogether(async (onStop) => {
      const dir = mkdtempSync(join(tmpdir(), "usher-ejabberd-"));
      onStop(async () => rmSync(dir, { recursive: true, force: true }));
      const names = await freePort();
      const epmd = await startProcess({
        name: "epmd",
        command: "epmd",
        args: ["-port", String(names), "-address", "127.0.0.1"],
      });
      onStop(() => epmd.stop());
      const ports: number[] = [];
      const started = [];
      for (let i = 0; i < nodes; i++) {
        const port = await freePort();
        const node = await startNode(join(dir, String(i)), i, port, names);
        onStop(() => node.stop());
        ports.push(port);
        started.push(node);
        await joined(port, 1);
        if (i > 0) await joinFirst(i, names);
      }
      for (const port of ports) await joined(port, nodes);
      // One that the first members found at several nodes at once would be several rooms.
      await call(ports[0] ?? 0, "create_room", {
        name: xmppRoom,
        service: `conference.${xmppHost}`,
        host: xmppHost,
      });
      return { ports, nodes: started, brokers: [epmd] };
    }),
};

function nodeName(i: number): string {
  return `usher-bench-${i}@127.0.0.1`;
}

function startNode(dir: string, i: number, port: number, names: number): ReturnType<typeof startProcess> {
  mkdirSync(dir);
  const config = join(dir, "ejabberd.yml");
  writeFileSync(config, configuration(port));
  return startProcess({
    name: `ejabberd ${i}`,
    command: "erl",
    // +sbwt: an idle scheduler sleeps instead of spinning, or its waiting would count as work and slow its neighbours.
    args: [
      ...["-noinput", "-name", nodeName(i), ...distribution],
      ...["+K", "true", "+P", "250000", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"],
      ...["-mnesia", "dir", JSON.stringify(join(dir, "db")), "-s", "ejabberd"],
    ],
    cwd: dir,
    env: {
      ERL_EPMD_PORT: String(names),
      ERL_LIBS: libraries() ?? "",
      EJABBERD_CONFIG_PATH: config,
      EJABBERD_LOG_PATH: join(dir, "ejabberd.log"),
      HOME: dir,
    },
  });
}

function configuration(port: number): string {
  return `hosts: ["${xmppHost}"]
loglevel: warning
listen:
  - port: ${port}
    ip: "127.0.0.1"
    backlog: 4096
    module: ejabberd_http
    request_handlers:
      /ws: ejabberd_http_ws
      /api: mod_http_api
auth_method: [anonymous]
anonymous_protocol: login_anon
allow_multiple_connections: true
api_permissions:
  "the bench":
    who:
      ip: "127.0.0.1/8"
    what: "*"
modules:
  mod_http_api: {}
  mod_admin_extra: {}
  mod_stream_mgmt:
    max_resume_timeout: 600
    resume_timeout: 600
  mod_muc_admin: {}
  mod_muc:
    max_users: 100000
    max_users_presence: 100000
    history_size: 0
    default_room_options:
      presence_broadcast: []
      max_users: 100000
`;
}

async function call(port: number, command: string, body: object): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/api/${command}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.json();
}

/** Lets a fresh node take part in the first one's cluster: it restarts inside its process, so it is told from outside. */
async function joinFirst(i: number, names: number): Promise<void> {
  const ask = `io:format("~p~n", [rpc:call('${nodeName(i)}', ejabberd_cluster, join, ['${nodeName(0)}'])]), halt().`;
  const control = await startProcess({
    name: `ejabberd ${i} joins`,
    command: "erl",
    args: ["-noinput", "-hidden", "-name", "usher-bench-join@127.0.0.1", ...distribution, "-eval", ask],
    env: { ERL_EPMD_PORT: String(names) },
  });
  await control.exited;
  const answer = control.output().trim();
  if (answer !== "ok") throw new Error(`ejabberd ${i} did not join: ${answer}`);
}

/** Resolves when a node is up and knows that many. @throws Error when that takes too long */
async function joined(port: number, nodes: number): Promise<void> {
  const late = Date.now() + joinMs;
  for (;;) {
    const members = await call(port, "list_cluster", {}).catch(() => []);
    if (Array.isArray(members) && members.length === nodes) return;
    if (Date.now() > late) throw new Error(`ejabberd did not come up; it knows ${JSON.stringify(members)}`);
    await new Promise((resolve) => setTimeout(resolve, joinRetryMs));
  }
}

/** Where Erlang finds its packages; undefined when ejabberd is not among them. */
function libraries(): string | undefined {
  return [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/erlang/lib",
    "/usr/lib64/erlang/lib",
  ].find((folder) => existsSync(folder) && readdirSync(folder).some((name) => /^ejabberd-\d/.test(name)));
}
