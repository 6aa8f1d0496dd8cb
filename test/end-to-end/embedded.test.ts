import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connect, type Client } from "../../client/client.ts";
import { nodeEnvironment } from "../../client/socket-node.ts";
import { startLocalNode, type LocalNode } from "../../compose/local/node.ts";
import { freePort, startProcess } from "../../compose/local/process.ts";
import { eventually } from "../support/eventually.ts";

describe("one embedded node with no server beside it", () => {
  let dir: string;
  let port: number;
  let node: LocalNode;
  const clients: Client[] = [];

  const start = async (): Promise<LocalNode> =>
    startLocalNode({ name: "solo", port, env: { USHER_DATA: dir, USHER_SECRET: "" } });
  const client = async (role: string, user: string): Promise<Client> => {
    const response = await fetch(`${node.url}/v1/tokens`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ role, user }),
    });
    const { token } = (await response.json()) as { token: string };
    const made = connect({ url: node.socketUrl, token, environment: nodeEnvironment() });
    clients.push(made);
    return made;
  };

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "usher-embedded-"));
    port = await freePort();
    node = await start();
  });
  afterEach(async () => {
    for (const one of clients.splice(0)) one.stop();
    await node.process.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each(["SIGKILL", "SIGTERM"] as const)(
    "keeps every acknowledged message through %s and a restart",
    async (signal) => {
      const visitor = await client("visitor", "ann");
      const amy = await client("agent", "amy");
      await amy.status("available");
      const conv = await visitor.open("app");
      await eventually(() => amy.cursor(conv) !== undefined, 10_000, "amy has the chat");
      const acked: string[] = [];
      for (let i = 0; i < 30; i++) {
        await visitor.send(conv, `before ${i}`);
        acked.push(`before ${i}`);
      }
      const late = Array.from({ length: 5 }, (_, i) => visitor.send(conv, `during ${i}`));
      node.process.signal(signal);
      await node.process.exited;
      node = await start();
      await Promise.all(late);
      await visitor.send(conv, "after");
      const texts = (): string[] =>
        amy
          .history(conv)
          .flatMap(({ ev: { body } }) =>
            body.kind === "message" && body.body.kind === "text" ? body.body.text : [],
          );
      await eventually(() => texts().at(-1) === "after", 20_000, "amy hears everything");
      expect(texts()).toEqual([...acked, ...late.map((_, i) => `during ${i}`), "after"]);
      expect(amy.history(conv).map(({ seq }) => seq)).toEqual(amy.history(conv).map((_, i) => i + 1));
    },
  );

  it("drains and leaves when the npm that started it is told to stop", async () => {
    const other = await freePort();
    const npm = await startProcess({
      name: "npm start",
      command: "npm",
      args: ["start"],
      env: { USHER_PORT: String(other), USHER_DATA: join(dir, "npm") },
      ready: /Usher is listening/,
    });
    const url = `http://127.0.0.1:${other}/health/live`;
    expect((await fetch(url)).status).toBe(200);
    npm.signal("SIGTERM");
    await eventually(
      () =>
        fetch(url).then(
          () => false,
          () => true,
        ),
      15_000,
      "the node has left",
    );
  });

  it("keeps its signing secret to itself", () => {
    expect(statSync(join(dir, "secret")).mode & 0o077).toBe(0);
  });

  it("serves the page, its modules and the demo's people", async () => {
    const page = await fetch(`${node.url}/`);
    expect(page.status).toBe(200);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(await page.text()).toContain("<script");
    const module = await fetch(`${node.url}/client/client.ts`);
    expect(module.headers.get("content-type")).toContain("text/javascript");
    expect(await module.text()).not.toContain("import type");
    const demo = (await (await fetch(`${node.url}/v1/demo`)).json()) as { agents: { user: string }[] };
    expect(demo.agents.map(({ user }) => user)).toContain("amy");
    for (const path of ["/client/../package.json", "/web/%2e%2e/package.json", "/protocol/nothing.ts"]) {
      expect((await fetch(`${node.url}${path}`)).status).toBe(404);
    }
  });
});
