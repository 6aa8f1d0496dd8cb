import { missedMs, within, type Resumed } from "./dialect.ts";
import { readMarker } from "./marker.ts";

/** Counts what a client that comes back had missed. */
export class Missed {
  readonly #seen = new Set<number>();
  #expected = Infinity;
  #duplicated = 0;
  #done: () => void = () => {};

  /** From now on this many different messages are expected; called before anything of them can arrive. */
  expect(messages: number): void {
    this.#seen.clear();
    this.#duplicated = 0;
    this.#expected = messages;
  }

  /** Something arrived: a marked text in that range counts. */
  heard(chunk: Buffer, start: number, end: number): void {
    readMarker(chunk, start, end, (_side, k) => {
      if (this.#seen.has(k)) this.#duplicated++;
      this.#seen.add(k);
      if (this.#seen.size >= this.#expected) this.#done();
    });
  }

  /** Resolves when all is there, or will not be. @param recovered whether the server knew where the client had stopped */
  async arrived(recovered: boolean): Promise<Resumed> {
    if (this.#seen.size < this.#expected && recovered) await within(missedMs, (done) => (this.#done = done));
    return { missed: this.#seen.size, duplicated: this.#duplicated, recovered };
  }
}
