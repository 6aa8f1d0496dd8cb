import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { freePort, isFree, startProcess } from "../../compose/local/process.ts";
import { eventually } from "../support/eventually.ts";

it("npm run cluster leaves nothing behind, although it is told twice to stop", async () => {
  const port = await freePort();
  const script = await startProcess({
    name: "cluster",
    command: process.execPath,
    args: [
      "--disable-warning=ExperimentalWarning",
      "compose/cluster.ts",
      "--nodes",
      "1",
      "--port",
      `${port}`,
    ],
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    ready: /Ctrl-C stops them all/,
    readyMs: 40_000,
  });
  const servers = [...script.output().matchAll(/^(?:nats|redis) .*:(\d+)$/gm)].map(([, at]) => Number(at));
  expect(servers).toHaveLength(2);
  script.signal("SIGTERM");
  await eventually(() => script.output().includes("stopping"));
  script.signal("SIGTERM");
  expect(await script.exited).toBe(0);
  const ports = [port, ...servers];
  expect(await Promise.all(ports.map(isFree))).toEqual(ports.map(() => true));
});
