import { describe, expect, it } from "vitest";
import { adaptiveAdmission, type Load } from "../../edge/admission.ts";
import type { Random } from "../../base/random.ts";

function random(seed = 1): Random {
  let state = seed;
  return {
    float: () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647,
    id: () => "id",
  };
}

const calm: Load = { lagMs: 0, storeMs: 0, busMs: 0, memory: 0 };

/** A crowd that comes at once and comes back when it is told; returns when each was admitted. */
function storm(perSecond: number, resumes: number, colds: number): { at: number; resume: boolean }[] {
  let now = 0;
  const admission = adaptiveAdmission(perSecond, random(), () => now);
  const crowd = Array.from({ length: resumes + colds }, (_, i) => ({ at: 0, resume: i < resumes }));
  const done: { at: number; resume: boolean }[] = [];
  for (let steps = 0; crowd.length > 0 && steps < 200_000; steps++) {
    crowd.sort((a, b) => a.at - b.at);
    const next = crowd[0];
    if (next === undefined) break;
    now = next.at;
    const waitMs = admission.admit(next.resume);
    if (waitMs === 0) done.push(...crowd.splice(0, 1));
    else next.at = now + waitMs;
  }
  return done;
}

describe("admission", () => {
  it("admits at its rate and tells the rest to come back when their turn is", () => {
    let now = 0;
    const admission = adaptiveAdmission(100, { float: () => 0, id: () => "" }, () => now);
    const waits = Array.from({ length: 300 }, () => admission.admit(true));
    // A quarter of a second's worth of the own lane, and half of what the other one holds.
    const admitted = waits.filter((wait) => wait === 0).length;
    expect(Math.abs(admitted - 22)).toBeLessThanOrEqual(1);
    const told = waits.filter((wait) => wait > 0);
    expect(told[0]).toBe(10);
    expect(told.at(-1)).toBe(10 * told.length);
    now = 60_000;
    expect(admission.admit(true)).toBe(0);
  });

  it("spreads a storm over the time that it needs, with few refusals each", () => {
    const done = storm(300, 2700, 0);
    expect(done).toHaveLength(2700);
    const last = Math.max(...done.map(({ at }) => at));
    expect(last).toBeGreaterThan(7500);
    expect(last).toBeLessThan(13_000);
    for (let second = 1; second < 8; second++) {
      const inIt = done.filter(({ at }) => at >= second * 1000 && at < (second + 1) * 1000).length;
      expect(inIt).toBeGreaterThan(180);
    }
  });

  it("lets no crowd of cold starts push resumes aside, nor the other way round", () => {
    const done = storm(300, 1200, 1200);
    const early = done.filter(({ at }) => at < 4000);
    const resumes = early.filter(({ resume }) => resume).length;
    expect(resumes).toBeGreaterThan(0.65 * early.length);
    expect(early.length - resumes).toBeGreaterThan(0.12 * early.length);
  });

  it("gives one lane what the other does not use", () => {
    let now = 0;
    const admission = adaptiveAdmission(100, random(), () => now);
    let admitted = 0;
    for (now = 0; now < 20_000; now += 2) if (admission.admit(false) === 0) admitted++;
    expect(admitted).toBeGreaterThan(1900);
    expect(admitted).toBeLessThan(2200);
  });

  it.each([
    ["the event loop is late", { lagMs: 60 }, { lagMs: 61 }],
    ["commits take long", { storeMs: 250 }, { storeMs: 251 }],
    ["the bus answers late", { busMs: 250 }, { busMs: 251 }],
    ["the heap is nearly full", { memory: 0.9 }, { memory: 0.91 }],
  ])("admits fewer while %s, and as many as before when it is over", (_what, bearable, tooMuch) => {
    let now = 0;
    const admission = adaptiveAdmission(1000, random(), () => now);
    const inOneSecond = (load: Partial<Load>): number => {
      let admitted = 0;
      for (const end = now + 1000; now < end; now++) {
        if (now % 50 === 0) admission.breathe({ ...calm, ...load });
        if (admission.admit(true) === 0) admitted++;
      }
      return admitted;
    };
    expect(inOneSecond(bearable)).toBeGreaterThan(950);
    inOneSecond(tooMuch);
    const late = inOneSecond(tooMuch);
    expect(late).toBeGreaterThan(30);
    expect(late).toBeLessThan(70);
    for (let seconds = 0; seconds < 3; seconds++) inOneSecond(bearable);
    expect(inOneSecond(bearable)).toBeGreaterThan(950);
  });

  it("tells those who come while the loop is late to wait longer, as long as it takes to be in time again", () => {
    const admission = adaptiveAdmission(100, { float: () => 0, id: () => "" }, () => 0);
    while (admission.admit(true) === 0);
    const first = admission.admit(true);
    for (let i = 0; i < 100; i++) admission.breathe({ ...calm, lagMs: 1000 });
    const second = admission.admit(true);
    // A twentieth of the pace, and what it rises by in the 20 ms of the line so far: 1000 / (100 * 0.058).
    expect(second - first).toBe(173);
    let last = second;
    for (let i = 0; i < 1000; i++) last = admission.admit(true);
    // Those who come while the pace recovers, and the others at the full rate.
    expect(last).toBe(11_156);
  });

  it("admits somebody even at one a second", () => {
    let now = 0;
    const admission = adaptiveAdmission(1, random(), () => now);
    let colds = 0;
    for (now = 0; now < 30_000; now += 500) if (admission.admit(false) === 0) colds++;
    expect(colds).toBeGreaterThan(20);
  });
});
