import { statSync } from "node:fs";
import { open } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { promMetrics } from "../../base/metrics-prom.ts";

async function samples(metrics: ReturnType<typeof promMetrics>, name: string): Promise<string[]> {
  const { body } = await metrics.scrape();
  return body.split("\n").filter((line) => line.startsWith(name));
}

describe("metrics for Prometheus", () => {
  it("count by name and labels, whoever asked for the counter, and stand at 0 before", async () => {
    const metrics = promMetrics();
    const sent = metrics.counter("sent_total", "Sent");
    expect(await samples(metrics, "sent_total")).toEqual(["sent_total 0"]);
    sent.add();
    sent.add(2);
    metrics.counter("kinds_total", "Kinds", { kind: "a" }).add(5);
    metrics.counter("kinds_total", "Kinds", { kind: "b" }).add();
    metrics.counter("kinds_total", "Kinds", { kind: "a" }).add();
    expect(await samples(metrics, "sent_total")).toEqual(["sent_total 3"]);
    expect(await samples(metrics, "sent_total")).toEqual(["sent_total 3"]);
    expect(await samples(metrics, "kinds_total")).toEqual([
      'kinds_total{kind="a"} 6',
      'kinds_total{kind="b"} 1',
    ]);
  });

  it("keep the process figures, without those that would take a timer of their own", async () => {
    const { body } = await promMetrics().scrape();
    expect(body).toContain("process_cpu_seconds_total");
    expect(body).toContain("nodejs_eventloop_lag_seconds");
    expect(body).not.toContain("nodejs_eventloop_lag_p99_seconds");
  });

  it("list no handles and no files, of which a busy node has thousands", async () => {
    const metrics = promMetrics();
    const { body } = await metrics.scrape();
    expect(body).not.toMatch(/nodejs_active_/);
    const [before] = await samples(metrics, "process_open_fds");
    if (before === undefined) return expect(statSync("/proc/self/fd").size).toBe(0);
    const files = await Promise.all(Array.from({ length: 20 }, () => open("/dev/null")));
    const [after] = await samples(metrics, "process_open_fds");
    await Promise.all(files.map((file) => file.close()));
    const count = (line = ""): number => Number(line.split(" ")[1]);
    expect(count(after) - count(before)).toBe(files.length);
  });

  it("read gauges when they are asked", async () => {
    const metrics = promMetrics();
    let open = 1;
    metrics.gauge("open_things", "Open", () => open);
    expect(await samples(metrics, "open_things")).toEqual(["open_things 1"]);
    open = 2;
    expect(await samples(metrics, "open_things")).toEqual(["open_things 2"]);
  });
});
