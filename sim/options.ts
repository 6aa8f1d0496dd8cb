import { parseArgs } from "node:util";
import { faultKinds, type Fault } from "./faults.ts";
import { scenarios } from "./scenarios/scenarios.ts";
import type { Settings } from "./settings.ts";

const options = {
  seed: { type: "string" },
  seeds: { type: "string" },
  from: { type: "string" },
  until: { type: "string" },
  out: { type: "string" },
  seconds: { type: "string" },
  users: { type: "string" },
  nodes: { type: "string" },
  zones: { type: "string" },
  agents: { type: "string" },
  desks: { type: "string" },
  shards: { type: "string" },
  masters: { type: "string" },
  sync: { type: "string" },
  earlier: { type: "string" },
  talking: { type: "string" },
  human: { type: "string" },
  think: { type: "string" },
  bursts: { type: "string" },
  admit: { type: "string" },
  arrive: { type: "string" },
  surge: { type: "string" },
  "surge-at": { type: "string" },
  "surge-for": { type: "string" },
  closes: { type: "string" },
  returning: { type: "string" },
  background: { type: "string" },
  mobile: { type: "string" },
  reloads: { type: "string" },
  "shift-at": { type: "string" },
  overlap: { type: "string" },
  "walk-out": { type: "string" },
  members: { type: "string" },
  for: { type: "string" },
  every: { type: "string" },
  lag: { type: "string" },
  kill: { type: "string" },
  zone: { type: "string" },
  gateway: { type: "boolean" },
  "gateway-back": { type: "string" },
  costs: { type: "string" },
  direct: { type: "boolean" },
  faults: { type: "string" },
  plant: { type: "string" },
  record: { type: "string" },
  json: { type: "boolean" },
  html: { type: "string" },
  progress: { type: "boolean" },
  verbose: { type: "boolean" },
  log: { type: "string" },
  help: { type: "boolean" },
} as const;

/** What the command line says. */
export type Values = ReturnType<typeof parseOptions>["values"];

/** Reads the command line. @throws Error for an option that does not exist */
// oxlint-disable-next-line typescript/explicit-module-boundary-types -- its type is that of the table above
export function parseOptions(args: string[]) {
  return parseArgs({ args, options, allowPositionals: true, strict: true });
}

/** How the command is used. */
export function usage(): string {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  return [
    "npm run -s sim -- SCENARIO [--seed N --users N --nodes N --zones N --agents N --desks N --shards N",
    "                  --masters N --sync MS --seconds N --arrive SECONDS --earlier made|stored --talking SHARE",
    "                  --human SHARE --think MS --bursts SHARE --closes SHARE --returning SHARE --background SHARE",
    "                  --mobile SHARE --reloads SHARE --admit PER-SECOND --costs on|off --direct --faults JSON",
    "                  --record FILE --html FILE --progress --json --verbose --log warn|info|debug]",
    "npm run -s sim -- swarm [--seeds N --from SEED --seconds WALL-SECONDS --json], or --seed N for one of them",
    "npm run -s sim -- shrink --seed N       the smallest schedule with which that seed of a swarm still fails",
    "npm run -s sim -- replay FILE           runs a recorded trace again and stops where the two part",
    "npm run -s sim -- import LOG... [--from TIME --until TIME --out FILE]",
    "                  makes a storm of the connection logs of nodes (USHER_CONNECTION_LOG); without --out it is replayed",
    "npm run -s sim -- storm FILE            replays what import wrote; takes the options of a scenario, too",
    "npm run -s sim -- compare-routing [--users N --nodes N --kill N --seed N --html FILE --json]",
    "                  the sources' routing designs and ours under one and the same storm",
    "npm run -s sim -- planted [--seeds N]   which checker finds which planted bug, and how soon; --plant NAME elsewhere",
    "",
    ...scenarios.flatMap(({ name, about, flags }) => [
      `  ${name.padEnd(width)}  ${about}`,
      ...(flags === undefined ? [] : [`  ${"".padEnd(width)}  ${flags}`]),
    ]),
    "",
    `  faults: [{"at": ms, "kind": ..., "target": ..., "for": ms, "value": ...}] with kinds`,
    `  ${faultKinds.join(", ")}`,
    "",
  ].join("\n");
}

/** The settings that the command line names. */
export function settingsGiven(values: Values): Partial<Settings> {
  const found: Record<string, unknown> = {
    users: numberOf(values.users),
    nodes: numberOf(values.nodes),
    zones: numberOf(values.zones),
    agents: numberOf(values.agents),
    desks: numberOf(values.desks),
    shards: numberOf(values.shards),
    masters: numberOf(values.masters),
    syncMs: numberOf(values.sync),
    seconds: numberOf(values.seconds),
    arriveSeconds: numberOf(values.arrive),
    earlier: earlierOf(values.earlier),
    talking: numberOf(values.talking),
    human: numberOf(values.human),
    thinkMs: numberOf(values.think),
    bursts: numberOf(values.bursts),
    surge: numberOf(values.surge),
    surgeAt: numberOf(values["surge-at"]),
    surgeFor: numberOf(values["surge-for"]),
    closes: numberOf(values.closes),
    returning: numberOf(values.returning),
    background: numberOf(values.background),
    mobile: numberOf(values.mobile),
    reloads: numberOf(values.reloads),
    shiftAt: numberOf(values["shift-at"]),
    overlap: numberOf(values.overlap),
    walkOut: numberOf(values["walk-out"]),
    members: numberOf(values.members),
    faultSeconds: numberOf(values.for),
    everySeconds: numberOf(values.every),
    lagMs: numberOf(values.lag),
    kill: numberOf(values.kill),
    zone: numberOf(values.zone),
    gateway: values.gateway,
    gatewayBackMs: numberOf(values["gateway-back"]),
    admit: numberOf(values.admit),
    costs: values.costs === undefined ? undefined : values.costs === "on",
    direct: values.direct,
    plant: values.plant,
  };
  for (const key of Object.keys(found)) if (found[key] === undefined) delete found[key];
  return found;
}

/** The schedule that the command line names, if it does. */
export function faultsGiven(values: Values): readonly Fault[] | undefined {
  if (values.faults === undefined) return undefined;
  const faults = JSON.parse(values.faults) as Fault[];
  for (const { kind } of faults) if (!faultKinds.includes(kind)) throw new Error(`there is no fault ${kind}`);
  return faults;
}

function earlierOf(text: string | undefined): Settings["earlier"] | undefined {
  if (text === undefined || text === "made" || text === "stored") return text;
  throw new Error(`an earlier conversation is made or stored, not ${text}`);
}

/** A number of the command line. @throws Error when it is none */
export function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value)) throw new Error(`${text} is no number`);
  return value;
}
