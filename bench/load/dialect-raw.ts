/** Clients of the ceiling: `m<text>` is a message and answered by `a`, `d<text>` a delivery, `h` says hello. */
import type { Attendee, Dialect, Resumed, Returner, Seat, TalkListener, Talker, Target } from "./dialect.ts";
import { fillingOf, markedText, readMarker } from "./marker.ts";
import { Wire } from "./wire.ts";

const letter = { ack: 0x61, delivery: 0x64 } as const;
const everybody = "all";

interface Ears {
  delivery(chunk: Buffer, start: number, end: number): void;
  acked(): void;
}

/** The ceiling's clients: they name their room and the node where the rest of it is (`*`: everywhere). */
export class RawDialect implements Dialect {
  readonly troubles: Record<string, number> = {};
  readonly #target: Target;
  readonly #filling: string;

  constructor(target: Target) {
    this.#target = target;
    this.#filling = fillingOf(target.bytes);
  }

  async pair(
    { pair, homes }: Seat,
    listeners: readonly [TalkListener, TalkListener],
  ): Promise<readonly [Talker, Talker]> {
    const room = `${this.#target.generator}-${pair}`;
    const nodes = this.#target.ports.length;
    return [
      await this.#talker(homes[0], `room=${room}&peer=${homes[1] % nodes}`, 0, listeners[0]),
      await this.#talker(homes[1], `room=${room}&peer=${homes[0] % nodes}`, 1, listeners[1]),
    ];
  }

  idle(i: number): Promise<Attendee> {
    return this.#attendee(i, `idle${i}`);
  }

  speaker(listener: TalkListener): Promise<Talker> {
    return this.#talker(0, `room=${everybody}&peer=*`, 0, listener);
  }

  member(i: number): Promise<Attendee> {
    return this.#attendee(i, everybody);
  }

  /** Nothing is stored, so nothing can be missed: coming back is connecting. */
  async returner(i: number): Promise<Returner> {
    let attendee = await this.#attendee(i, `r${i}`);
    const resume = async (messages: number): Promise<Resumed> => {
      attendee = await this.#attendee(i, `r${i}`);
      return { missed: messages, duplicated: 0, recovered: true };
    };
    return { resume, tick: () => {}, cut: () => attendee.cut(), close: () => attendee.close() };
  }

  async settle(): Promise<void> {
    // Nothing to resume.
  }

  async miss(): Promise<void> {
    // Nothing to miss.
  }

  async #talker(home: number, query: string, side: number, listener: TalkListener): Promise<Talker> {
    const wire = await this.#open(home, query, {
      acked: () => listener.acked(),
      delivery: (chunk, start, end) => {
        readMarker(chunk, start, end, (from, k) => {
          if (from !== side) listener.heard(from, k);
        });
      },
    });
    const filling = this.#filling;
    return {
      say: (k) => wire.send(`m${markedText(side, k, filling)}`),
      tick: () => {},
      close: () => wire.close(),
    };
  }

  async #attendee(home: number, room: string): Promise<Attendee> {
    let count = 0;
    const wire = await this.#open(home, `room=${room}&peer=*`, {
      acked: () => {},
      delivery: () => void count++,
    });
    return {
      get count() {
        return count;
      },
      tick: () => {},
      cut: () => wire.cut(),
      close: () => wire.close(),
    };
  }

  /** Resolves after the server's hello. */
  async #open(home: number, query: string, ears: Ears): Promise<Wire> {
    const port = this.#target.ports[home % this.#target.ports.length] ?? 0;
    let hello = (): void => {};
    const greeted = new Promise<void>((resolve) => {
      hello = resolve;
    });
    const wire = await Wire.open(
      { port, path: `/?${query}` },
      {
        frame: (chunk, start, end) => {
          const kind = chunk[start];
          if (kind === letter.delivery) ears.delivery(chunk, start, end);
          else if (kind === letter.ack) ears.acked();
          else hello();
        },
        closed: () => hello(),
      },
    );
    await greeted;
    return wire;
  }
}
