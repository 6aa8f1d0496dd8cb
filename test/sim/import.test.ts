import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readLogs, type Window } from "../../sim/import/read-logs.ts";
import { stormSettings } from "../../sim/import/settings.ts";
import { readStorm, stormOf, writeStorm, type Storm } from "../../sim/import/storm.ts";
import { simulate } from "../../sim/run.ts";

const zero = 1_763_773_791_000;
const always: Window = { from: -Infinity, until: Infinity };
const codes: Readonly<Record<string, number>> = { client: 1001, lost: 1006, drain: 1005, replaced: 4005 };

/**
 * Lines of one node's log in short: `seconds event device`, as `12.5 attach d1`, `20 lost d1`, `30 stop`; an `@` before
 * the device makes it one of staff.
 */
function log(node: string, ...events: string[]): string {
  const lines = events.map((text) => {
    const [seconds = "", event = "", who = ""] = text.split(" ");
    const at = zero + Number(seconds) * 1000;
    if (who === "") return { at, node, event };
    const staff = who.startsWith("@");
    const device = { tenant: "t", device: who.replace("@", ""), role: staff ? "agent" : "visitor" };
    if (event === "attach" || event === "resume") return { at, node, event, ...device, tookMs: 0 };
    const cause = event === "replaced" ? "server" : event;
    return { at, node, event: "detach", ...device, code: codes[event], cause };
  });
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

describe("import of connection logs", () => {
  let dir: string;
  let told: string[];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "usher-import-"));
    told = [];
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  async function imported(logs: readonly (string | Buffer)[], window = always): Promise<Storm> {
    const paths = logs.map((content, i) => {
      const path = join(dir, `n${i}.jsonl${typeof content === "string" ? "" : ".gz"}`);
      writeFileSync(path, content);
      return path;
    });
    return stormOf(await readLogs(paths, window, (text) => told.push(text.replace(`${dir}/`, ""))));
  }

  const steps = async (...logs: string[]) => (await imported(logs)).devices.map((device) => device.steps);
  const faults = async (...logs: string[]) => (await imported(logs)).faults;

  it("has devices come when they came, cut and go as they did", async () => {
    const a = log("a", "0 start", "1 attach d1", "2 attach d2", "10 lost d1", "30 client d2", "40 attach d3");
    const b = log("b", "0 start", "12 resume d1", "13 client d1", "90 resume d1");
    expect(await steps(b, a)).toEqual([
      [
        { at: 1000, what: "come", node: 1 },
        { at: 10_000, what: "cut", node: 2 },
        { at: 13_000, what: "away", forMs: 77_000, node: 2 },
      ],
      [
        { at: 2000, what: "come", node: 1 },
        { at: 30_000, what: "go" },
      ],
      [{ at: 40_000, what: "come", node: 1 }],
    ]);
  });

  it("opens a page anew where no cursor was held", async () => {
    expect(await steps(log("a", "0 attach d", "10 client d", "100 attach d", "110 attach e"))).toEqual([
      [
        { at: 0, what: "come", node: 1 },
        { at: 10_000, what: "go" },
        { at: 100_000, what: "come", node: 1 },
      ],
      [{ at: 110_000, what: "come", node: 1 }],
    ]);
  });

  it("lets staff come back in the end", async () => {
    expect(await steps(log("a", "0 attach @d", "10 client @d", "20 attach e"))).toEqual([
      [
        { at: 0, what: "come", node: 1 },
        { at: 10_000, what: "away", forMs: 20_000, node: 1 },
      ],
      [{ at: 20_000, what: "come", node: 1 }],
    ]);
  });

  it("takes an end that is told late, by clocks that differ or a half-open socket, for the older visit's", async () => {
    const a = log("a", "0 attach d", "11 replaced d", "0 attach e", "21 lost e");
    const b = log("b", "10 resume d", "20 resume e", "50 attach f");
    const storm = await imported([a, b]);
    expect(storm.faults).toEqual([]);
    expect(storm.devices.map((device) => device.steps.map(({ at, what }) => [at, what]))).toEqual([
      [
        [0, "come"],
        [10_000, "cut"],
      ],
      [
        [0, "come"],
        [20_000, "cut"],
      ],
      [[50_000, "come"]],
    ]);
  });

  it("takes the end of a connection that was replaced at the same node for the older one's", async () => {
    expect(await steps(log("a", "0 attach d", "10 resume d", "10.1 replaced d", "90 attach e"))).toEqual([
      [
        { at: 0, what: "come", node: 1 },
        { at: 10_000, what: "cut", node: 1 },
      ],
      [{ at: 90_000, what: "come", node: 1 }],
    ]);
  });

  it("sees that a node died when its devices turn up elsewhere, and leaves their way back to the SDK", async () => {
    const a = log("a", "0 start", "1 attach d1", "2 attach d2", "3 attach d3");
    const b = log("b", "0 start", "1 attach e1", "21 resume d1", "22 resume d2", "24 resume d3");
    const storm = await imported([a, b]);
    expect(storm.faults).toEqual([{ at: 20_500, kind: "crash", target: "n1", for: 0 }]);
    expect(storm.devices.flatMap((device) => device.steps.map(({ what }) => what))).toEqual(
      Array.from({ length: 4 }, () => "come"),
    );
  });

  it("sees that a node was killed when it starts without having been told to stop", async () => {
    const a = log("a", "0 start", "1 attach d1", "10 lost d1", "14 start", "14.5 resume d1");
    expect(await faults(a)).toEqual([{ at: 13_500, kind: "crash", target: "n1", for: 500 }]);
  });

  it("sees a planned stop, also where the line about it is missing", async () => {
    const drains = ["11 drain d1", "12 drain d2"];
    const b = log("b", "11.1 resume d1", "12.1 resume d2", "100 attach e");
    const told = log("a", "0 start", "1 attach d1", "1 attach d2", "10 stop", ...drains, "20 start");
    expect(await faults(told, b)).toEqual([{ at: 10_000, kind: "leave", target: "n1", for: 8000 }]);
    const untold = log("a", "1 attach d1", "1 attach d2", ...drains);
    expect((await faults(untold, b)).map(({ at, kind }) => [at, kind])).toEqual([[10_000, "leave"]]);
  });

  it("takes no node for dead that lived: one device that left without a word, a log that just ends", async () => {
    const a = log("a", "0 start", "1 attach d1", "2 attach d2", "3 attach d3");
    expect(await faults(a, log("b", "0 start", "21 resume d1", "90 attach e"))).toEqual([]);
  });

  it("chooses a part of the time, and lets those come first who were there", async () => {
    const a = log(
      "a",
      "0 start",
      "1 attach d1",
      "2 attach d2",
      "5 client d2",
      "80 attach d3",
      "95 attach d4",
    );
    const window = { from: zero + 60_000, until: zero + 90_000 };
    const storm = await imported([a], window);
    expect(storm.devices.map((device) => device.steps)).toEqual([
      [{ at: 0, what: "come", node: 1 }],
      [{ at: 5000, what: "come", node: 1 }],
    ]);
    expect(storm.attaches).toBe(1);
  });

  it("reads gzipped logs, and a file that was given twice once", async () => {
    const a = log("a", "1 attach d1", "2 lost d1", "3 resume d1", "9 attach d2");
    const storm = await imported([gzipSync(a), a]);
    expect(storm.devices.map((device) => device.steps.map(({ what }) => what))).toEqual([
      ["come", "cut"],
      ["come"],
    ]);
  });

  it("tells wrong lines with their numbers, passes them over, and forgives a torn last one", async () => {
    const wrong = ["oops", "[1]", '{"at":"x"}', '{"at":1}', '{"at":1,"node":"a","event":"dance"}', ""];
    const a = `${log("a", "1 attach d1")}${wrong.join("\n")}\n{"at":1,"node":"a","event":"attach"}\n${log("a", "2 attach d2")}{"at":17`;
    const storm = await imported([a]);
    expect(storm.devices).toHaveLength(2);
    expect(told).toEqual([
      "n0.jsonl:2 is not JSON",
      "n0.jsonl:3 has no time",
      "n0.jsonl:4 has no time",
      "n0.jsonl:5 names no node",
      'n0.jsonl:6 has no event that is known: "dance"',
      "n0.jsonl:8 names no device",
      "n0.jsonl:10 is not JSON; the last line, torn when its node died",
    ]);
  });

  it("stops at a file that is no connection log, at one that is missing, and at silence", async () => {
    await expect(imported(["x\n".repeat(200)])).rejects.toThrow(/more than 100 wrong lines/);
    await expect(readLogs([join(dir, "none")], always, () => {})).rejects.toThrow(/none: ENOENT/);
    await expect(imported([Buffer.from("no gzip")])).rejects.toThrow(/gz: incorrect header/);
    await expect(imported([""])).rejects.toThrow("nothing was recorded in that time");
    expect(() => readStorm(join(dir, "n0.jsonl"))).toThrow(/holds no storm|JSON/);
  });
});

describe("replay of a storm", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "usher-storm-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** 24 devices on two nodes; one node dies and comes back, then the other stops in order and comes back. */
  function recorded(): string[] {
    const devices = Array.from({ length: 24 }, (_, i) => `${i < 2 ? "@" : ""}d${i}`);
    const at = (node: number) => devices.filter((_, i) => i % 2 === node);
    const a = [
      "0 start",
      ...at(0).map((one, i) => `${1 + i / 8} attach ${one}`),
      "9 lost d4",
      "9.5 resume d4",
      ...at(1).map((one, i) => `${21 + i / 8} resume ${one}`),
      "30 client d6",
      "30 client d7",
    ];
    const stay = devices.filter((one) => one !== "d6" && one !== "d7");
    const sent = stay.map((one, i) => `${42 + i / 16} drain ${one}`);
    const b = ["0 start", ...at(1).map((one, i) => `${1 + i / 8} attach ${one}`), "32 start"];
    return [
      log("a", ...a, "40 stop", ...sent, "55 start"),
      log("b", ...b, ...stay.map((one, i) => `${42.2 + i / 16} resume ${one}`)),
    ];
  }

  it("has as many devices and attaches as were recorded, and violates nothing", async () => {
    const paths = recorded().map((text, i) => {
      const path = join(dir, `${i}.jsonl`);
      writeFileSync(path, text);
      return path;
    });
    writeStorm(join(dir, "storm.json"), stormOf(await readLogs(paths, always, () => {})));
    const storm = readStorm(join(dir, "storm.json"));
    expect(storm.faults.map(({ kind, target }) => [kind, target])).toEqual([
      ["crash", "n2"],
      ["leave", "n1"],
    ]);
    const welcomed = new Set<string>();
    let attaches = 0;
    const settings = stormSettings(storm, { talking: 1, shards: 32 }, 1);
    const summary = await simulate(settings, {
      onDelivery: (_at, link, text) => {
        const device = /^n\d>(\w+)#/.exec(link)?.[1];
        if (device === undefined || !text.startsWith('{"t":"welcome"')) return true;
        welcomed.add(device);
        attaches++;
        return true;
      },
    });
    expect(summary.violations).toEqual([]);
    expect(summary.users + settings.agents).toBe(24);
    expect(welcomed.size).toBe(24);
    expect(summary.acked).toBeGreaterThan(100);
    expect(storm.attaches).toBe(24 + 1 + 12 + 22);
    expect(Math.abs(attaches - storm.attaches)).toBeLessThanOrEqual(1);
    expect((await simulate(settings)).hash).toBe(summary.hash);
  });

  it("fits a cluster of another size: no faults of nodes that there are not, and nobody bound to a node", () => {
    const fault = { at: 1, kind: "crash", for: 0 } as const;
    const storm: Storm = {
      storm: 1,
      nodes: ["a", "b"],
      seconds: 10,
      attaches: 0,
      devices: [{ role: "visitor", steps: [{ at: 0, what: "come", node: 2 }] }],
      faults: [
        { ...fault, target: "n1" },
        { ...fault, target: "n2" },
      ],
    };
    expect(stormSettings(storm, { nodes: 1 }, 1).faults.map(({ target }) => target)).toEqual(["n1"]);
    const nodesOf = (nodes: number) =>
      stormSettings(storm, { nodes }, 1).storm?.devices.flatMap(({ steps }) =>
        steps.map((step) => (step.what === "go" ? undefined : step.node)),
      );
    expect([nodesOf(1), nodesOf(2), nodesOf(4)]).toEqual([[0], [2], [0]]);
    expect(stormSettings(storm, {}, 1)).toMatchObject({ nodes: 2, users: 1, agents: 0, human: 0 });
  });
});
