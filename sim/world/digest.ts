/** Told of every delivery; false ends the run. */
export type OnDelivery = (atMs: number, link: string, text: string) => boolean;

/** A rolling hash over everything that was delivered: two runs are the same run if and only if it is the same. */
export class Digest {
  #low = 0x811c9dc5;
  #high = 0x1b873593;
  #count = 0;
  readonly #onDelivery: (atMs: number, link: string, text: string) => void;

  constructor(onDelivery: (atMs: number, link: string, text: string) => void) {
    this.#onDelivery = onDelivery;
  }

  /** How many deliveries it covers. */
  get count(): number {
    return this.#count;
  }

  /** Takes one delivery in. */
  note(atMs: number, link: string, text: string): void {
    this.#count++;
    this.#word(Math.floor(atMs * 1000) >>> 0);
    this.#text(link);
    this.#text(text);
    this.#onDelivery(atMs, link, text);
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return [this.#high, this.#low].map((part) => (part >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #text(text: string): void {
    let low = this.#low;
    const step = text.length > longText ? 3 : 1;
    for (let i = 0; i < text.length; i += step) low = Math.imul(low ^ text.charCodeAt(i), 0x01000193);
    this.#low = low;
    this.#word(text.length);
  }

  #word(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    const turned = (this.#high << 13) | (this.#high >>> 19);
    this.#high = (Math.imul(turned ^ this.#low, 5) + 0xe6546b64) | 0;
  }
}

/** Every third character is enough of a long text. */
const longText = 1024;
