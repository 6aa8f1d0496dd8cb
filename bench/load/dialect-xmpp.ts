/**
 * XMPP's clients: pairs write to each other's full address, the room of a fan-out is a conference, and whoever was cut off
 * resumes the stream and gets what it had not confirmed (XEP-0198).
 */
import { xmppHost, xmppRoom } from "../systems/ejabberd.ts";
import {
  missedMs,
  within,
  type Attendee,
  type Dialect,
  type Resumed,
  type Returner,
  type Seat,
  type TalkListener,
  type Talker,
  type Target,
} from "./dialect.ts";
import { fillingOf, markedText, readMarker } from "./marker.ts";
import { Missed } from "./missed.ts";
import { XmppClient } from "./xmpp-client.ts";

const room = `${xmppRoom}@conference.${xmppHost}`;

/** The address of the one device of a user. */
function address(user: string): string {
  return `${user}@${xmppHost}/d`;
}

/** XMPP as ejabberd speaks it. */
export class XmppDialect implements Dialect {
  readonly troubles: Record<string, number> = {};
  readonly #target: Target;
  readonly #filling: string;
  #speakers = 0;

  constructor(target: Target) {
    this.#target = target;
    this.#filling = fillingOf(target.bytes);
  }

  async pair(
    { pair, homes }: Seat,
    listeners: readonly [TalkListener, TalkListener],
  ): Promise<readonly [Talker, Talker]> {
    const names = [this.#name("left", pair), this.#name("right", pair)] as const;
    return [
      await this.#talker(homes[0], names[0], 0, `to="${address(names[1])}" type="chat"`, listeners[0]),
      await this.#talker(homes[1], names[1], 1, `to="${address(names[0])}" type="chat"`, listeners[1]),
    ];
  }

  async idle(i: number): Promise<Attendee> {
    return new XmppAttendee(this.#port(i)).attach(this.#name("idle", i));
  }

  async speaker(listener: TalkListener): Promise<Talker> {
    const name = this.#name("speaker", this.#speakers++);
    return this.#talker(0, name, 0, `to="${room}" type="groupchat"`, listener, room);
  }

  async member(i: number): Promise<Attendee> {
    return new XmppAttendee(this.#port(i)).attach(this.#name("member", i), room);
  }

  async returner(i: number): Promise<Returner> {
    const returner = new XmppReturner(this.#port(i), this.#returnerName(i));
    await returner.begin();
    return returner;
  }

  async settle(): Promise<void> {
    // A stream that stands can be resumed.
  }

  async miss(clients: number, messages: number): Promise<void> {
    const total = clients * messages;
    let handled = 0;
    let done = (): void => {};
    const client = new XmppClient({
      message: () => {},
      handled: (count) => {
        handled = count;
        if (handled >= total) done();
      },
    });
    await client.attach(this.#port(0), this.#name("sender", this.#speakers++));
    client.quick();
    await within(missedMs, (resolve) => {
      done = resolve;
      for (let k = 0; k < messages; k++) {
        for (let i = 0; i < clients; i++) {
          const to = address(this.#returnerName(i));
          client.sendAsking(messageTo(`to="${to}" type="chat"`, 0, k, this.#filling));
        }
      }
    });
    if (handled < total) this.troubles["missed messages were not acknowledged"] = total - handled;
    client.close();
  }

  async #talker(
    home: number,
    name: string,
    side: number,
    to: string,
    listener: TalkListener,
    joins?: string,
  ): Promise<Talker> {
    // Joining is the first stanza that the server handles.
    let acked = joins === undefined ? 0 : 1;
    const client = new XmppClient({
      message: (chunk, start, end) => {
        readMarker(chunk, start, end, (from, k) => {
          if (from !== side) listener.heard(from, k);
        });
      },
      handled: (count) => {
        for (; acked < count; acked++) listener.acked();
      },
    });
    await client.attach(this.#port(home), name);
    if (joins !== undefined) await join(client, joins, name);
    client.quick();
    const filling = this.#filling;
    return {
      say: (k) => client.sendAsking(messageTo(to, side, k, filling)),
      tick: () => {},
      close: () => client.close(),
    };
  }

  #returnerName(i: number): string {
    return this.#name("returner", i);
  }

  #name(kind: string, i: number): string {
    return `${kind}-${this.#target.generator}-${i}`;
  }

  #port(home: number): number {
    return this.#target.ports[home % this.#target.ports.length] ?? 0;
  }
}

function messageTo(to: string, side: number, k: number, filling: string): string {
  return `<message ${to}><body>${markedText(side, k, filling)}</body></message>`;
}

/** Resolves when a conference's subject, the last thing of a join, has come. */
async function join(client: XmppClient, conference: string, nick: string): Promise<void> {
  const subject = client.heard((text) => text.includes("<subject"));
  client.send(
    `<presence to="${conference}/${nick}"><x xmlns="http://jabber.org/protocol/muc"><history maxstanzas="0"/></x></presence>`,
  );
  await subject;
}

class XmppAttendee implements Attendee {
  count = 0;
  readonly #port: number;
  readonly #client = new XmppClient({ message: () => void this.count++, handled: () => {} });

  constructor(port: number) {
    this.#port = port;
  }

  async attach(name: string, joins?: string): Promise<this> {
    await this.#client.attach(this.#port, name);
    if (joins !== undefined) await join(this.#client, joins, name);
    this.#client.quick();
    this.count = 0;
    return this;
  }

  tick(): void {
    // The server pings.
  }

  cut(): void {
    this.#client.cut();
  }

  close(): void {
    this.#client.close();
  }
}

class XmppReturner implements Returner {
  readonly #port: number;
  readonly #name: string;
  readonly #missed = new Missed();
  #client = this.#fresh();

  constructor(port: number, name: string) {
    this.#port = port;
    this.#name = name;
  }

  async begin(): Promise<void> {
    await this.#client.attach(this.#port, this.#name);
    this.#client.quick();
  }

  cut(): void {
    this.#client.cut();
  }

  async resume(messages: number): Promise<Resumed> {
    this.#missed.expect(messages);
    const { stream, held } = this.#client;
    this.#client = this.#fresh();
    await this.#client.attach(this.#port, this.#name, { id: stream, held });
    this.#client.quick();
    return this.#missed.arrived(this.#client.resumed);
  }

  tick(): void {
    // The server pings.
  }

  close(): void {
    this.#client.close();
  }

  #fresh(): XmppClient {
    return new XmppClient({
      message: (chunk, start, end) => this.#missed.heard(chunk, start, end),
      handled: () => {},
    });
  }
}
