import { describe, expect, it } from "vitest";
import type { Fault } from "../../sim/faults.ts";
import { chartHtml, type Chart } from "../../sim/report/chart.ts";
import { Progress } from "../../sim/report/progress.ts";
import { runReport } from "../../sim/report/run-report.ts";
import { Sampler, type Sample, type Sampled } from "../../sim/report/sampler.ts";
import { linearScale, logScale, timeScale } from "../../sim/report/scale.ts";
import { bandsOf } from "../../sim/report/timeline.ts";
import { newTally } from "../../sim/people/tap.ts";
import { simulate } from "../../sim/run.ts";
import { scenarios } from "../../sim/scenarios/scenarios.ts";
import { settingsOf } from "../../sim/scenarios/scenario.ts";
import type { Settings } from "../../sim/settings.ts";
import { Scheduler } from "../../sim/world/scheduler.ts";

const small = { users: 20, agents: 4, nodes: 3, shards: 32, talking: 1, seconds: 30 };

function settingsFor(name: string, given: Partial<Settings> = small): Settings {
  const scenario = scenarios.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  return settingsOf(scenario, given, 3);
}

describe("report", () => {
  it("is one page that needs nothing else and tells settings, faults and hash", async () => {
    const sampler = new Sampler();
    const settings = settingsFor("reconnect-storm");
    const plain = await simulate(settings);
    const summary = { ...(await simulate(settings, { sampler })), wallMs: 1, rssMb: 1 };
    expect([summary.hash, summary.events]).toEqual([plain.hash, plain.events]);

    const page = runReport(summary, settings, sampler, "npm run -s sim -- reconnect-storm");
    expect(page.match(/<svg/g)?.length).toBeGreaterThan(7);
    expect(page).not.toMatch(/https?:|<link|<img|@import|url\(| src=/);
    const [drawn = ""] = page.split('<script type="module">');
    expect(drawn).not.toMatch(/NaN|Infinity|undefined/);
    for (const text of [summary.hash, "npm run -s sim -- reconnect-storm", "crash n1", "No guarantee"])
      expect(page).toContain(text);

    const { samples } = sampler;
    expect(samples.at(-1)?.online).toBe(samples.at(-1)?.devices);
    expect(samples.at(-1)?.sends).toBe(summary.sends);
    expect(samples.at(-1)?.answered).toBe(summary.acked);
    expect(samples.at(-1)?.attempts).toBe(summary.attempts);
    expect(samples.some(({ nodes }) => nodes[0]?.standing === "gone")).toBe(true);
    expect(Math.max(...samples.flatMap(({ nodes }) => nodes.map(({ queue }) => queue)))).toBe(
      summary.peakQueue,
    );
  }, 60_000);

  it("says what is missing in the place of a chart without values", () => {
    const chart: Chart = {
      title: "Refusals",
      about: "None here.",
      times: [0, 1],
      series: [{ name: "refused", color: "c0", shape: "line", values: [0, undefined] }],
      text: String,
      empty: "Nobody was refused.",
    };
    const html = chartHtml(chart, { end: 1, bands: [] });
    expect(html).toContain("Nobody was refused.");
    expect(html).not.toContain("<svg");
  });

  it("escapes every name", () => {
    const chart: Chart = {
      title: "<b>&",
      about: '"><script>',
      times: [0, 1],
      series: [{ name: "</span>", color: "c0", shape: "area", values: [1, 2] }],
      text: (value) => `${value} </script>`,
      empty: "",
    };
    const html = chartHtml(chart, { end: 1, bands: [{ from: 0, to: 1, letter: "A", label: "<i>" }] });
    expect(html).toContain("&lt;b&gt;&amp;");
    expect(html).not.toMatch(/"><script>|<\/span> <|<i>|2 <\/script>/);
  });

  it("leaves a gap where there is no value, and a dot where a value stands alone", () => {
    const values = [1, 1, undefined, 2, undefined, 1, 1];
    const chart: Chart = {
      title: "Time",
      about: "",
      times: values.map((_, i) => i),
      series: [{ name: "p50", color: "c0", shape: "line", values }],
      text: String,
      empty: "",
    };
    const html = chartHtml(chart, { end: 6, bands: [] });
    expect(html.match(/class="line c0 " d="([^"]*)"/)?.[1]?.match(/M/g)).toHaveLength(3);
    expect(html.match(/<circle/g)).toHaveLength(1);
  });
});

describe("faults in a report", () => {
  const crash = (target: string): Fault => ({ at: 5000, kind: "crash", target, for: 2000 });

  it("are one band where they differ in their targets only", () => {
    const faults: Fault[] = [crash("n1"), crash("n2"), { at: 9000, kind: "kv-deaf", target: "*", for: 0 }];
    const marks = faults.map((fault) => ({ kind: "fault" as const, at: fault.at, fault }));
    const bands = bandsOf(marks, [], ["n1", "n2"], 20_000);
    expect(bands).toEqual([
      { from: 5, to: 7, letter: "A", label: "crash n1, n2 for 2 s" },
      { from: 9, to: 9, letter: "B", label: "kv-deaf *" },
    ]);
  });

  it("last until the heal when they have no length, and a planned stop until its node serves again", () => {
    const standings = ["serving", "waiting", "gone", "waiting", "serving"] as const;
    const samples = standings.map((standing, i) => sampleAt(i * 1000, { standing }));
    const stop: Fault = { at: 500, kind: "leave", target: "n1", for: 100 };
    const endless: Fault = { at: 600, kind: "partition", target: "n1|bus", for: 0 };
    const marks = [
      { kind: "fault" as const, at: 500, fault: stop },
      { kind: "fault" as const, at: 600, fault: endless },
      { kind: "phase" as const, at: 6000, name: "heal" },
    ];
    expect(bandsOf(marks, samples, ["n1"], 9000).map(({ to }) => to)).toEqual([4, 6]);
  });
});

describe("sampler", () => {
  it("keeps a bounded number of samples, with the totals and peaks of all", async () => {
    const scheduler = new Scheduler((error) => {
      throw error;
    });
    const queue = { backlog: 0, recentPeak: 0 };
    const sampled = fakeRun(scheduler, queue);
    const sampler = new Sampler();
    sampler.begin(sampled);
    await scheduler.drive(async () => {
      await scheduler.sleep(1_000_000);
      queue.recentPeak = 99;
      await scheduler.sleep(3_000_000);
    });
    sampler.end();
    const { samples } = sampler;
    expect(samples.length).toBeLessThanOrEqual(481);
    expect(samples.length).toBeGreaterThan(200);
    expect(samples.at(-1)?.at).toBe(4_000_000);
    expect(Math.max(...samples.map(({ storeQueue }) => storeQueue))).toBe(99);
    const times = samples.map(({ at }) => at);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });
});

describe("progress", () => {
  it("is told every few real seconds, over and over on one line where somebody looks", () => {
    const written: string[] = [];
    const time = { now: 0 };
    const output = { now: () => time.now, interactive: true, err: (text: string) => written.push(text) };
    const progress = new Progress({ ...output, err: (text) => void output.err(text) });
    const scheduler = new Scheduler(() => {});
    const sampler = new Sampler();
    sampler.begin(fakeRun(scheduler, { backlog: 0, recentPeak: 0 }));
    sampler.phase(0, "chaos");
    for (time.now = 0; time.now <= 5000; time.now += 500) progress.note(sampleAt(time.now), sampler);
    expect(written).toHaveLength(2);
    expect(written[0]).toContain("\r2.0 s virtual, 2 s real: chaos, 7 online");
    progress.end();
    expect(written.at(-1)).toBe("\r\u001b[K");
  });
});

describe("scales", () => {
  it("have round ticks that reach the largest value", () => {
    expect(linearScale(93).ticks).toEqual([0, 50, 100]);
    expect(linearScale(4).ticks).toEqual([0, 1, 2, 3, 4]);
    expect(linearScale(0).ticks.length).toBeGreaterThan(1);
    expect(logScale(42, 15_311).ticks).toEqual([10, 100, 1000, 10_000, 100_000]);
    expect(logScale(1, 1).ticks).toEqual([1, 10]);
    expect(timeScale(78.5).ticks).toEqual([0, 10, 20, 30, 40, 50, 60, 70]);
    expect(timeScale(86_400).ticks.length).toBeLessThan(12);
    expect(linearScale(80).place(40)).toBe(0.5);
    expect(logScale(1, 100).place(10)).toBe(0.5);
  });
});

function sampleAt(at: number, node: Partial<Sample["nodes"][number]> = {}): Sample {
  return {
    at,
    online: 7,
    devices: 7,
    attempts: 0,
    refused: 0,
    sends: 0,
    delivered: 0,
    answered: 0,
    recovered: 0,
    storeQueue: 0,
    nodes: [{ standing: "serving", queue: 0, connections: 0, shards: 1, ...node }],
    moving: 0,
    moved: 0,
  };
}

function fakeRun(scheduler: Scheduler, queue: { backlog: number; recentPeak: number }): Sampled {
  return {
    scheduler,
    nodes: [],
    shards: 0,
    store: { masters: [{ process: queue }] },
    sockets: { tally: { attempts: 0, unreachable: 0 }, count: () => 0 },
    tally: { ...newTally(), online: 7 },
    devices: { size: 0 },
    sends: [],
    recoveries: [],
  };
}
