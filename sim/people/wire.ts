import type { ServerFrame } from "../../protocol/frames.ts";

/** Told what is wrong. */
export type OnViolation = (guarantee: string, text: string) => void;

/**
 * What one connection was shown of each conversation: NoSkip and NoPhantom hold on the wire itself, before the SDK can
 * hide anything. What stays unconfirmed for long may be pushed again, which the SDK hides: whether such repeats are a
 * fault (MonotonicDelivery) depends on whether the network lets confirmations through.
 */
export class Wire {
  /** Own sends that are not acknowledged: `<conversation> <producer> <number>`. */
  readonly sends = new Set<string>();
  readonly #position = new Map<string, number>();
  readonly #fail: OnViolation;
  readonly #repeats: "fault" | "allowed";

  constructor(onViolation: OnViolation, repeats: "fault" | "allowed") {
    this.#fail = onViolation;
    this.#repeats = repeats;
  }

  /** Takes a frame that the client gets. */
  receive(frame: ServerFrame): void {
    switch (frame.t) {
      case "welcome":
        for (const { conv, base } of frame.convs) this.#position.set(conv, base[0]);
        return;
      case "conv":
        return void this.#position.set(frame.conv, frame.base[0]);
      case "left":
        return void this.#position.delete(frame.conv);
      case "deliver":
        return this.deliver(frame.conv, frame.seq, frame.prev);
      case "ack": {
        const { conv, seq, prev, p, n } = frame;
        if (conv === undefined || !this.sends.delete(`${conv} ${p} ${n}`)) return;
        if (this.#position.get(conv) === prev) this.#position.set(conv, seq);
        return;
      }
      default:
    }
  }

  /** Takes what matters of a `deliver` frame. */
  deliver(conv: string, seq: number, prev: number): void {
    const at = this.#position.get(conv);
    if (at === undefined) this.#fail("NoPhantom", `${conv} delivered before it was announced`);
    else if (seq <= at) {
      if (this.#repeats === "fault")
        this.#fail("MonotonicDelivery", `${conv} delivered ${seq} after ${at} on the wire`);
      return;
    } else if (prev !== at)
      this.#fail("NoSkip", `${conv} delivered ${seq} (prev ${prev}) after ${at} on the wire`);
    this.#position.set(conv, seq);
  }
}
