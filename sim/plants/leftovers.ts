/** Mistakes about the messages that a closed page leaves to the next one. */
import type { Environment, Shelf } from "../../client/environment.ts";
import type { Plant, Planted } from "./plant.ts";

const gatherMs = 300;

/** The bugs of this family. */
export const leftoverPlants: readonly Plant[] = [
  {
    name: "leftovers-forgotten",
    about: "no page looks for what an earlier one has left",
    begin: () => onShelf(() => ({ names: () => [] })),
  },
  {
    name: "leftovers-sent-anew",
    about: "what an earlier page has left is sent under a new producer, although it may have arrived",
    begin: () => onShelf((shelf, { id }) => ({ read: (name) => renumbered(shelf.read(name), id) })),
  },
  {
    name: "leftovers-written-late",
    about: "messages without an answer are written down only now and then, as storage is slow",
    begin: () =>
      onShelf((shelf, { after }) => ({
        write: (name, text) => void after(gatherMs, () => shelf.write(name, text)),
      })),
  },
  {
    name: "leftovers-not-removed",
    about: "what was taken over and answered stays where the next page finds it",
    begin: () => onShelf(() => ({ remove: () => {} })),
  },
  {
    name: "leftovers-of-the-living",
    about: "a page takes over what another one that is open still sends itself",
    begin: () => onShelf(() => ({ hold: () => Promise.resolve(() => {}) })),
  },
];

/** Changes the shelf of each page that has one. */
function onShelf(change: (shelf: Shelf, environment: Environment) => Partial<Shelf>): Planted {
  return {
    device(environment) {
      const { shelf } = environment;
      if (shelf === undefined) return environment;
      return { ...environment, shelf: { ...shelf, ...change(shelf, environment) } };
    },
  };
}

/** A record as if nothing of it had been sent yet. */
function renumbered(text: string | undefined, id: () => string): string | undefined {
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as { lanes: { entries: object[] }[] };
  const lanes = record.lanes.map((lane) => ({
    ...lane,
    producer: id(),
    after: 0,
    entries: lane.entries.map((entry, i) => ({ ...entry, n: i + 1 })),
  }));
  return JSON.stringify({ ...record, lanes });
}
