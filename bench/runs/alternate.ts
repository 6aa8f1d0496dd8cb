/**
 * Runs all systems of a bench in turn, A B C A B C, so that whatever else happens on the machine meets all of them; between
 * two rounds everything of the last system is gone.
 */
import type { Options } from "../options.ts";
import type { System } from "../systems/system.ts";
import type { Bench, Round } from "./bench.ts";

/** The rounds of each system, by its name, in the order of the bench. */
export type Rounds = ReadonlyMap<string, readonly Round[]>;

/** Ends what runs now; for Ctrl-C. */
export type Stops = (() => Promise<void>)[];

/** Runs a bench. @param stops is kept up to date with what has to be ended */
export async function alternate(
  bench: Bench,
  options: Options,
  stops: Stops,
  say: (text: string) => void,
): Promise<Rounds> {
  const wanted = bench.systems.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  const systems = wanted.filter((system) => {
    const missing = system.missing();
    if (missing !== undefined) say(missing);
    return missing === undefined;
  });
  const rounds = new Map<string, Round[]>(systems.map(({ name }) => [name, []]));
  for (let i = 0; i < options.rounds; i++) {
    for (const system of systems) {
      const name = `${bench.name} ${i + 1}/${options.rounds} ${system.name}`;
      const round = await once(bench, system, options, stops, (text) => say(`${name}: ${text}`));
      rounds.get(system.name)?.push(round);
    }
  }
  return rounds;
}

async function once(
  bench: Bench,
  system: System,
  options: Options,
  stops: Stops,
  say: (text: string) => void,
): Promise<Round> {
  say("starts");
  try {
    const starting = system.start(bench.spec(options));
    // Also when it is interrupted while it starts; a start that fails cleans up by itself.
    stops.push(() =>
      starting.then(
        (started) => started.stop(),
        () => undefined,
      ),
    );
    const running = await starting;
    const round = await bench.round(running, {
      system,
      options,
      say,
      onStop: (stop) => void stops.push(stop),
    });
    const figures = Object.entries(round.figures).map(
      ([key, value]) => `${key} ${Math.round(value * 100) / 100}`,
    );
    const { troubles, ...counts } = round.integrity;
    say(`${figures.join(", ")}; ${JSON.stringify({ ...counts, ...troubles })}`);
    return round;
  } finally {
    for (const stop of stops.splice(0).toReversed()) await stop();
  }
}
