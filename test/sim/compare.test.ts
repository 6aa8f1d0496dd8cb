import { describe, expect, it } from "vitest";
import { designs, play, type Played } from "../../sim/compare/compare.ts";
import type { Message } from "../../sim/compare/design.ts";
import { ringHome } from "../../sim/compare/designs/ring.ts";
import { Measure, type DesignResult } from "../../sim/compare/measure.ts";
import { murmur3 } from "../../sim/compare/murmur3.ts";
import { comparisonHtml, comparisonText } from "../../sim/compare/report.ts";
import { drawStorm, type StormSettings } from "../../sim/compare/storm.ts";

const small: StormSettings = { seed: 4, users: 120, nodes: 6, kill: 1 };

async function through(name: string, settings: StormSettings = small): Promise<DesignResult> {
  const design = designs.find((one) => one.name === name);
  if (design === undefined) throw new Error(`there is no design ${name}`);
  return (await play(design, drawStorm(settings))).result;
}

describe("murmur3", () => {
  it.each([
    ["", 0, 0],
    ["", 1, 0x514e28b7],
    ["", 0xffffffff, 0x81f16f39],
    ["a", 0x9747b28c, 0x7fa09ea6],
    ["aa", 0x9747b28c, 0x5d211726],
    ["aaa", 0x9747b28c, 0x283e0130],
    ["aaaa", 0x9747b28c, 0x5a97808a],
    ["abc", 0, 0xb3dd93fa],
    ["Hello, world!", 0x9747b28c, 0x24884cba],
    ["ππππππππ", 0x9747b28c, 0xd58063c1],
    ["The quick brown fox jumps over the lazy dog", 0x9747b28c, 0x2fa826cd],
  ])("hashes %j with seed %d as the published vectors say", (text, seed, hash) => {
    expect(murmur3(text, seed)).toBe(hash);
  });
});

describe("hash ring", () => {
  it("gives a new node its share, takes it from all, and moves nobody between the others", () => {
    const home = ringHome();
    const nodes = ["n1", "n2", "n3", "n4"];
    const users = Array.from({ length: 4000 }, (_, user) => user);
    const changed = users.filter((user) => home(user, nodes) !== home(user, [...nodes, "n5"]));
    expect(changed.every((user) => home(user, [...nodes, "n5"]) === "n5")).toBe(true);
    expect(new Set(changed.map((user) => home(user, nodes))).size).toBe(4);
    expect(changed.length / users.length).toBeGreaterThan(0.12);
    expect(changed.length / users.length).toBeLessThan(0.28);
  });
});

describe("measure", () => {
  it("tells when a user got no messages, from the first that came late or never to the next that came", () => {
    const measure = new Measure();
    const message = (id: number): Message => ({ id, from: 0, to: 1 });
    for (let id = 0; id < 6; id++) measure.sent(message(id), id * 1000);
    const arrivals = [
      [0, 20],
      [3, 3500],
      [4, 4010],
      [2, 6000],
    ] as const;
    for (const [id, at] of arrivals) measure.delivered(message(id), at);
    measure.delivered(message(4), 4020);
    expect(measure.outages()).toEqual([
      { user: 1, from: 1000, to: 3500 },
      { user: 1, from: 5000, to: Infinity },
    ]);
    const result = measure.result("one", 9000, "");
    expect(result).toMatchObject({ sent: 6, delivered: 4, lost: 2, repeated: 1, cutOff: 2, forGood: 1 });
    expect(result.recoveredMs.max).toBe(4000);
  });
});

describe("designs in a storm", () => {
  it("are the same run for the same seed, and another for another", async () => {
    for (const name of ["ring", "registry", "ours"]) {
      const [one, two] = [await through(name), await through(name)];
      expect(two).toEqual(one);
      expect((await through(name, { ...small, seed: 5 })).hash).not.toBe(one.hash);
    }
  }, 60_000);

  it("all carry the same messages, and can be shown", async () => {
    const storm = drawStorm(small);
    const all: Played[] = [];
    for (const design of designs) all.push(await play(design, storm));
    expect(new Set(all.map(({ result }) => result.sent))).toEqual(new Set([storm.intents.length]));
    for (const { result } of all) expect(result.delivered, result.name).toBeGreaterThan(result.sent / 2);
    const text = comparisonText(all, storm);
    const page = comparisonHtml(all, storm, "npm run -s sim -- compare-routing", "abc");
    for (const { name } of designs) {
      expect(text).toContain(`\n${name} `);
      expect(page).toContain(`<td>${name}</td>`);
    }
    const [drawn = ""] = page.split('<script type="module">');
    expect(drawn).not.toMatch(/NaN|Infinity|undefined|https?:/);
  }, 60_000);

  it.each([
    [1, 1],
    [2, 3],
    [3, 5],
  ])(
    "ours loses and repeats nothing with seed %d and %d of 6 nodes dead",
    async (seed, kill) => {
      const { lost, repeated, forGood, sent } = await through("ours", { ...small, seed, kill });
      expect(sent).toBeGreaterThan(5000);
      expect({ lost, repeated, forGood }).toEqual({ lost: 0, repeated: 0, forGood: 0 });
    },
    60_000,
  );

  it("a registry that deletes whatever is there cuts users off for good, one that asks first does not", async () => {
    const [plain, conditional] = [await through("registry"), await through("registry-conditional")];
    expect(plain.forGood).toBeGreaterThan(10);
    expect(plain.lost).toBeGreaterThan(10 * conditional.lost);
    expect(conditional.lost).toBeGreaterThan(0);
    expect(conditional.forGood).toBe(0);
  });

  it("modulo moves nearly all whose node lives, a ring only those of the new node, ours as few", async () => {
    const users = 400;
    const [modulo, ring, ours] = [
      await through("modulo", { ...small, users }),
      await through("ring", { ...small, users }),
      await through("ours", { ...small, users }),
    ];
    const { nodes } = small;
    const survivors = users * ((nodes - 1) / nodes);
    expect(modulo.movedAt.died / survivors).toBeGreaterThan((nodes - 1) / nodes - 0.12);
    expect(modulo.movedAt.joined / users).toBeGreaterThan(nodes / (nodes + 1) - 0.1);
    for (const one of [ring, ours]) {
      expect(one.movedAt.died, one.name).toBe(0);
      expect(one.movedAt.joined / users, one.name).toBeGreaterThan(0.6 / (nodes + 1));
      expect(one.movedAt.joined / users, one.name).toBeLessThan(1.5 / (nodes + 1));
    }
    expect(ring.sentAway).toBeGreaterThan(0);
    expect(ours.sentAway).toBe(0);
  }, 60_000);

  it("broadcast sends to all other nodes, a master passes everything on and is missed when it dies", async () => {
    const [broadcast, master] = [await through("broadcast"), await through("master")];
    expect(broadcast.betweenNodes).toBeGreaterThan(small.nodes - 2);
    expect(master.betweenNodes).toBeGreaterThan(1.4);
    expect(master.lost).toBeGreaterThan(5 * broadcast.lost);
  });

  it("refuses a storm that nobody can talk in", () => {
    expect(() => drawStorm({ ...small, users: 3 })).toThrow("even");
    expect(() => drawStorm({ ...small, kill: 6 })).toThrow("leave a node");
  });
});
