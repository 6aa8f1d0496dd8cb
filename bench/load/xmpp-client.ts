/**
 * One XMPP client over WebSocket (RFC 7395): one element per frame, anonymous login by SASL PLAIN, stream management
 * (XEP-0198) from the first moment on. Elements that come often are known by their first letters and never parsed.
 */
import { xmppHost } from "../systems/ejabberd.ts";
import { Wire } from "./wire.ts";

/** Where a stream goes on that was cut: its name, and how many stanzas of the server's are held. */
export interface StreamPosition {
  readonly id: string;
  readonly held: number;
}

/** What a client hears. */
export interface XmppListener {
  /** A message stanza. */
  message(chunk: Buffer, start: number, end: number): void;
  /** So many of its own stanzas the server has handled. */
  handled(count: number): void;
}

const framing = "urn:ietf:params:xml:ns:xmpp-framing";
const sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
const bind = "urn:ietf:params:xml:ns:xmpp-bind";
const management = "urn:xmpp:sm:3";
const open = `<open xmlns="${framing}" to="${xmppHost}" version="1.0"/>`;
const ask = `<r xmlns="${management}"/>`;
const answerMs = 15_000;
const attempts = 5;
const stanzas = ["<me", "<iq", "<pr"];

/** One attached client. */
export class XmppClient {
  /** How many stanzas of the server's it holds. */
  held = 0;
  /** What names the stream when it is resumed. */
  stream = "";
  /** Whether the last attach took up the stream of before. */
  resumed = false;
  #wire: Wire | undefined;
  #ended = "";
  #attached = false;
  #asking = false;
  readonly #listener: XmppListener;
  #look: (text: string) => void = () => {};

  constructor(listener: XmppListener) {
    this.#listener = listener;
  }

  /**
   * Connects and binds a resource of that name, or goes on with a stream. Under load ejabberd 23.01 closes one connection
   * of some thousands right after its first element, or never answers it: that is tried again.
   * @throws Error when that is refused
   */
  async attach(port: number, user: string, resume?: StreamPosition): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attachOnce(port, user, resume);
      } catch (error) {
        this.#wire?.cut();
        if (attempt === attempts) throw error;
      }
    }
  }

  async #attachOnce(port: number, user: string, resume?: StreamPosition): Promise<void> {
    this.#attached = false;
    this.#ended = "";
    this.#wire = await Wire.open(
      { port, path: "/ws", protocol: "xmpp" },
      {
        frame: (chunk, start, end) => this.#take(chunk, start, end),
        closed: (why) => {
          this.#ended = why;
          this.#look("");
        },
      },
    );
    await this.#step(open, "<stream:features");
    const secret = Buffer.from(`\0${user}\0${user}`).toString("base64");
    await this.#step(`<auth xmlns="${sasl}" mechanism="PLAIN">${secret}</auth>`, "<success");
    await this.#step(open, "<stream:features");
    if (resume !== undefined) {
      const { id, held } = resume;
      this.held = held;
      const answer = await this.#step(
        `<resume xmlns="${management}" previd="${id}" h="${held}"/>`,
        "<resumed",
        "<failed",
      );
      this.resumed = answer.startsWith("<resumed");
      if (this.resumed) return;
    }
    await this.#step(`<iq type="set" id="b"><bind xmlns="${bind}"><resource>d</resource></bind></iq>`, "<iq");
    const enabled = await this.#step(`<enable xmlns="${management}" resume="true"/>`, "<enabled");
    this.stream = /\bid=['"]([^'"]+)['"]/.exec(enabled)?.[1] ?? "";
    this.held = 0;
  }

  /** Sends a stanza. */
  send(text: string): void {
    this.#wire?.send(text);
  }

  /** Sends a stanza and asks, once for all stanzas of this turn, how many were handled. */
  sendAsking(text: string): void {
    this.send(text);
    if (this.#asking) return;
    this.#asking = true;
    process.nextTick(() => {
      this.#asking = false;
      this.send(ask);
    });
  }

  /** Resolves with the first element that the test accepts. @throws Error when the connection ends before it */
  async heard(test: (text: string) => boolean): Promise<string> {
    const late = setTimeout(() => this.#fail("no answer in time"), answerMs);
    try {
      return await new Promise((resolve, reject) => {
        this.#look = (text) => {
          if (this.#ended !== "") reject(new Error(this.#ended));
          else if (test(text)) resolve(text);
        };
        this.#look("");
      });
    } finally {
      clearTimeout(late);
      this.#look = () => {};
    }
  }

  /** From now on elements are handed to the listener only. */
  quick(): void {
    this.#attached = true;
  }

  cut(): void {
    this.#wire?.cut();
  }

  close(): void {
    this.#wire?.close();
  }

  #fail(why: string): void {
    this.#ended = why;
    this.#look("");
  }

  #step(text: string, ...answers: readonly string[]): Promise<string> {
    this.send(text);
    return this.heard((heard) => answers.some((answer) => heard.startsWith(answer)));
  }

  #take(chunk: Buffer, start: number, end: number): void {
    const begin = chunk.toString("latin1", start, start + 3);
    if (stanzas.includes(begin)) this.held++;
    if (begin === "<me") this.#listener.message(chunk, start, end);
    else if (begin === "<r ") return this.send(`<a xmlns="${management}" h="${this.held}"/>`);
    else if (begin === "<a ") return this.#listener.handled(attributeH(chunk, start, end));
    if (this.#attached) return;
    this.#look(chunk.toString("utf8", start, end));
  }
}

/** The number in `h='12'`. */
function attributeH(chunk: Buffer, start: number, end: number): number {
  return Number(/\bh=['"](\d+)/.exec(chunk.toString("latin1", start, end))?.[1] ?? 0);
}
