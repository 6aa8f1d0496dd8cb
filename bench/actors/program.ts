/**
 * Measures actors in a process of their own and prints one line of JSON. Arguments: `usher` or `nact`, how many actors,
 * seconds of each rate, and a Redis for Usher's (empty: in memory). Needs --expose-gc.
 */
import { setTimeout as pause } from "node:timers/promises";
import { nactSubject } from "./nact-subject.ts";
import type { Subject } from "./subject.ts";
import { usherSubject } from "./usher-subject.ts";

const [kind = "", actorsText = "", secondsText = "", redisUrl = ""] = process.argv.slice(2);
const actors = Number(actorsText);
const seconds = Number(secondsText);
/** Actors that are spoken to at once, messages to each before it is asked, and asks that are open. */
const spoken = Math.min(1000, actors);
const tellsPerAsk = 50;
const open = 512;
const alone = 2000;
const settleMs = 200;

const subject = kind === "nact" ? nactSubject() : await usherSubject(redisUrl);
const figures = redisUrl === "" ? await inMemory(subject) : await kept(subject);
process.stdout.write(`${JSON.stringify(figures)}\n`);
await subject.stop();
// Its end would overtake what it has printed: who reads that ends it.
setInterval(() => {}, 60_000);

async function inMemory(one: Subject): Promise<Record<string, number>> {
  // What is compiled and allocated once is not any actor's.
  await each(Math.min(actors, 2000), (i) => one.ask(actors + i));
  const before = await heapBytes();
  const spawnSeconds = await each(actors, (i) => one.ask(i));
  const bytes = (await heapBytes()) - before;
  const tells = await rate(async () => {
    for (let i = 0; i < spoken; i++) for (let k = 0; k < tellsPerAsk; k++) one.tell(i);
    await each(spoken, (i) => one.ask(i));
    return spoken * tellsPerAsk;
  });
  await checkCounts(one, tells.done / spoken);
  const asks = await rate(async () => {
    await each(spoken, (i) => one.ask(i));
    return spoken;
  });
  const waits = await aloneMicros((i) => one.ask(i % spoken));
  return {
    spawnsPerSecond: actors / spawnSeconds,
    bytesPerIdleActor: bytes / actors,
    tellsPerSecond: tells.perSecond,
    asksPerSecond: asks.perSecond,
    askAloneMicros: waits,
    ...(one.write === undefined ? {} : await kept(one)),
  };
}

/** Every actor keeps its count, sleeps, and is asked for it. */
async function kept(one: Subject): Promise<Record<string, number>> {
  const { write, sleep } = one;
  if (write === undefined || sleep === undefined) return {};
  const count = Math.min(actors, 20_000);
  const first = 10 * actors;
  const writeSeconds = await each(count, (i) => write(first + i));
  await sleep();
  const activateSeconds = await each(count, async (i) => {
    if ((await one.ask(first + i)) !== 1) throw new Error(`actor ${i} has forgotten its count`);
  });
  await sleep();
  return {
    keptPerSecond: count / writeSeconds,
    activationsPerSecond: count / activateSeconds,
    activationAloneMicros: await aloneMicros((i) => one.ask(first + (i % count)), Math.min(alone, count)),
  };
}

/** No message may have been dropped: the figure would be worth nothing. */
async function checkCounts(one: Subject, expected: number): Promise<void> {
  await each(spoken, async (i) => {
    const count = await one.ask(i);
    if (count !== expected) throw new Error(`actor ${i} has counted ${count} of ${expected}`);
  });
}

/** Runs a task for each of so many, a few at a time; the seconds that it took. */
async function each(count: number, task: (i: number) => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: Math.min(open, count) }, worker));
  return (performance.now() - startedAt) / 1000;
}

async function rate(round: () => Promise<number>): Promise<{ done: number; perSecond: number }> {
  const startedAt = performance.now();
  let done = 0;
  while (performance.now() - startedAt < seconds * 1000) done += await round();
  return { done, perSecond: done / ((performance.now() - startedAt) / 1000) };
}

/** The median of asks, one after the other, in microseconds. */
async function aloneMicros(task: (i: number) => Promise<unknown>, times = alone): Promise<number> {
  const waits: number[] = [];
  for (let i = 0; i < times; i++) {
    const startedAt = performance.now();
    await task(i);
    waits.push((performance.now() - startedAt) * 1000);
  }
  waits.sort((a, b) => a - b);
  return waits[Math.floor(waits.length / 2)] ?? 0;
}

async function heapBytes(): Promise<number> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("start with --expose-gc");
  for (let i = 0; i < 3; i++) {
    await pause(settleMs);
    gc();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
