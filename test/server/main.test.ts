import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { limits } from "../../protocol/limits.ts";
import { eventually } from "../support/eventually.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let dir = "";
const ends: (() => void)[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "usher-main-"));
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
  rmSync(dir, { recursive: true, force: true });
});

interface Program {
  readonly child: ChildProcess;
  out: string;
  err: string;
  /** The exit code, once it has ended. */
  ended(): Promise<number>;
}

function start(env: Readonly<Record<string, string>>, args: readonly string[] = []): Program {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "server/main.ts", ...args],
    {
      cwd: root,
      env: { PATH: process.env.PATH ?? "", USHER_PORT: "0", USHER_DATA: dir, ...env },
    },
  );
  ends.push(() => void child.kill("SIGKILL"));
  let code: number | undefined;
  const program: Program = {
    child,
    out: "",
    err: "",
    ended: () => eventually(() => code, 15_000, "the end of the program"),
  };
  child.stdout.on("data", (data: Buffer) => void (program.out += data.toString()));
  child.stderr.on("data", (data: Buffer) => void (program.err += data.toString()));
  child.on("close", (exit) => void (code = exit ?? -1));
  return program;
}

function portOf(program: Program): Promise<number> {
  return eventually(() => {
    const port = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(program.out)?.[1];
    return port === undefined ? undefined : Number(port);
  }, 15_000);
}

describe("the program", () => {
  it("explains every setting and ends", async () => {
    const program = start({}, ["--help"]);
    expect(await program.ended()).toBe(0);
    expect(program.out).toContain("USHER_REDIS_URL");
  });

  it("stops at what a person has to change, with one line and exit code 1", async () => {
    for (const [env, line] of [
      [{ USHER_PORT: "high" }, /^configuration: USHER_PORT is "high", but takes .*\n$/],
      [{ USHER_COLOUR: "red" }, /^configuration: USHER_COLOUR is not a setting; --help lists them\n$/],
      [
        { USHER_DEV: "0", USHER_TENANTS: "/none.json" },
        /^configuration: USHER_TENANTS: \/none\.json cannot be read.*\n$/,
      ],
      [{ USHER_DATA: "/dev/null/x" }, /^usher could not start: .*\n$/],
    ] as const) {
      const program = start(env);
      expect(await program.ended()).toBe(1);
      expect(program.err).toMatch(line);
      expect(program.out).toBe("");
    }
  });

  it("says in one line that the port is taken", async () => {
    const server: Server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ends.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const program = start({ USHER_PORT: String(port) });
    expect(await program.ended()).toBe(1);
    expect(program.err).toMatch(/^usher could not start: listen EADDRINUSE.*\n$/);
  });

  it("waits for Redis, says so, is not ready, and ends at once when told", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    await new Promise<void>((resolve) => silent.close(() => resolve()));
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
    const own = (probe.address() as AddressInfo).port;
    await new Promise<void>((resolve) => probe.close(() => resolve()));
    const program = start({
      USHER_PORT: String(own),
      USHER_REDIS_URL: `redis://127.0.0.1:${port}`,
      USHER_NATS_URL: `nats://127.0.0.1:${port}`,
      USHER_SECRET: "x".repeat(32),
      USHER_DEV: "1",
    });
    await eventually(() => program.err.includes("waiting for Redis"), 15_000, "the log line");
    const ready = await fetch(`http://127.0.0.1:${own}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { status: "not ready", because: "waiting for Redis" },
    ]);
    const refused = new WebSocket(`ws://127.0.0.1:${own}/ws`, limits.subprotocol);
    let why = "";
    refused.on("error", (error) => void (why = error.message));
    await eventually(() => why.includes("503"));
    program.child.kill("SIGTERM");
    expect(await program.ended()).toBe(0);
    expect(program.out).not.toContain("Usher is listening");
  });

  it("warns of development mode that nobody asked for where others can reach it, and serves", async () => {
    const open = start({ USHER_HOST: "0.0.0.0" });
    await portOf(open);
    expect(open.err).toMatch(/"level":40.*development mode, and others can reach this address/);
    const own = start({});
    await portOf(own);
    expect(own.err).not.toContain("development mode");
  });

  it("serves, sends its clients away when told twice to stop, and ends well", async () => {
    const program = start({ USHER_DRAIN_MS: "200" });
    const port = await portOf(program);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, limits.subprotocol);
    ends.push(() => socket.terminate());
    const heard: string[] = [];
    let closed = 0;
    socket.on("message", (data: Buffer) => heard.push(data.toString()));
    socket.on("close", (code) => void (closed = code));
    await eventually(() => heard.length > 0);
    program.child.kill("SIGTERM");
    program.child.kill("SIGTERM");
    await eventually(() => heard.some((text) => text.includes(`"t":"drain"`)), 15_000);
    await eventually(() => closed === 4200, 15_000);
    expect(await program.ended()).toBe(0);
    expect(program.err).toContain('"msg":"stopped"');
    expect(program.err).not.toContain('"level":50');
  });
});
