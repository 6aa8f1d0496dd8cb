/**
 * The agent's side: availability, the list of chats, the conversation, notes, transfer, and the visitor's earlier
 * conversations.
 */
import type { Client } from "../../client/client.ts";
import type { Followed } from "../../protocol/frames.ts";
import { composer, typingHint } from "./composer.ts";
import { element } from "./element.ts";
import { Past } from "./past.ts";
import { Thread } from "./thread.ts";
import type { DemoOffer } from "./server.ts";

/** Shows the agent's desk in `stage`; `trouble` shows a failure to the agent. */
export function showAgent(
  stage: HTMLElement,
  client: Client,
  offer: DemoOffer,
  trouble: (error: unknown) => void,
): void {
  const desk = new AgentDesk(client, offer, trouble);
  stage.replaceChildren(...desk.parts);
  desk.start();
}

class AgentDesk {
  readonly parts: readonly HTMLElement[];
  readonly #client: Client;
  readonly #trouble: (error: unknown) => void;
  readonly #past: Past;
  readonly #chats = element("ul", { class: "chats", "aria-label": "Your chats" });
  readonly #load = element("p", { class: "faint", role: "status" }, "");
  readonly #toggle = element("button", { type: "button", class: "toggle", "aria-pressed": "false" }, "Away");
  readonly #title = element("h2", {}, "");
  readonly #chat: HTMLElement;
  readonly #empty = element("p", { class: "empty" }, "Chats appear here as soon as somebody needs a person.");
  readonly #hint = element("p", { class: "hint", "aria-live": "polite" });
  readonly #close = element("button", { type: "button" }, "Close chat");
  readonly #transfer: HTMLFormElement;
  readonly #writing;
  #thread: Thread;
  #current: string | undefined;
  #isAvailable = false;

  constructor(client: Client, offer: DemoOffer, trouble: (error: unknown) => void) {
    this.#client = client;
    this.#trouble = trouble;
    this.#thread = this.#newThread();
    this.#past = new Past(client, trouble);
    this.#writing = composer({
      label: "Your message",
      notes: true,
      send: (text, isNote) => this.#say(text, isNote),
      typing: () => this.#current && client.typing(this.#current),
    });
    this.#transfer = transferForm(offer, (desk) => this.#act((conv) => client.transfer(conv, desk)));
    this.#close.addEventListener("click", () => this.#act((conv) => client.close(conv)));
    this.#toggle.addEventListener("click", () => this.#setAvailable(!this.#isAvailable));
    const heading = element("header", {}, this.#title, this.#transfer, this.#close);
    const shown = [heading, this.#thread.list, this.#hint, this.#writing.form];
    this.#chat = element("section", { class: "chat", "aria-label": "Conversation" }, this.#empty, ...shown);
    const side = element(
      "aside",
      { class: "side" },
      this.#toggle,
      this.#load,
      element("h3", {}, "Chats"),
      this.#chats,
    );
    this.parts = [side, this.#chat, this.#past.panel];
    this.#show(undefined);
  }

  start(): void {
    const client = this.#client;
    client.on("conversation", ({ conv, open }) => {
      if (open && this.#current === undefined) this.#show(conv);
      this.#list();
    });
    client.on("event", (event) => {
      if (event.conv === this.#current) {
        this.#hint.textContent = "";
        this.#thread.append(event);
        this.#markRead();
        if (event.ev.body.kind === "closed") this.#controls();
      }
      this.#list();
    });
    client.on("history", ({ conv }) => this.#redraw(conv));
    client.on("reset", ({ conv }) => this.#redraw(conv));
    client.on("read", () => this.#list());
    client.on("left", ({ conv }) => {
      if (conv === this.#current) this.#show(this.#next());
      this.#list();
    });
    client.on("presence", ({ status, load, capacity }) => {
      this.#isAvailable = status === "available";
      this.#load.textContent = `${load} of ${capacity} chats`;
      this.#toggle.setAttribute("aria-pressed", String(this.#isAvailable));
      this.#toggle.textContent = this.#isAvailable ? "● Available" : "○ Away";
    });
    const typing = typingHint(this.#hint);
    client.on("typing", ({ conv, user }) => {
      if (conv === this.#current) typing(user);
    });
    document.addEventListener("visibilitychange", () => this.#markRead());
    this.#setAvailable(true);
  }

  #setAvailable(on: boolean): void {
    this.#client.status(on ? "available" : "away").catch(this.#trouble);
  }

  #act(command: (conv: string) => Promise<unknown>): void {
    if (this.#current) command(this.#current).catch(this.#trouble);
  }

  #say(text: string, isNote: boolean): void {
    const conv = this.#current;
    if (!conv) return;
    this.#thread.pend(text, isNote, isNote ? this.#client.note(conv, text) : this.#client.send(conv, text));
  }

  #show(conv: string | undefined): void {
    this.#current = conv;
    const fresh = this.#newThread();
    this.#thread.list.replaceWith(fresh.list);
    this.#thread = fresh;
    this.#controls();
    this.#list();
    if (conv === undefined) return;
    const followed = this.#followed(conv);
    this.#title.textContent = followed ? nameOf(followed) : conv;
    this.#redraw(conv);
    if (this.#client.history(conv).length === 0) this.#client.backfill(conv, 100).catch(this.#trouble);
    this.#past.show(followed?.visitor, conv);
    this.#markRead();
  }

  #controls(): void {
    const conv = this.#current;
    const isOpen = conv !== undefined && (this.#followed(conv)?.open ?? false);
    for (const part of this.#chat?.children ?? []) {
      if (part instanceof HTMLElement) part.hidden = (part === this.#empty) === (conv !== undefined);
    }
    this.#writing.enable(conv !== undefined);
    this.#close.disabled = !isOpen;
    for (const control of this.#transfer.elements) control.toggleAttribute("disabled", !isOpen);
  }

  #redraw(conv: string): void {
    if (conv !== this.#current) return;
    this.#thread.clear();
    this.#thread.prepend(this.#client.history(conv));
  }

  #list(): void {
    const items = this.#client.conversations.map((followed) => {
      const { conv, open, unread } = followed;
      const isCurrent = conv === this.#current;
      const button = element("button", { type: "button", "aria-current": String(isCurrent) });
      button.addEventListener("click", () => this.#show(conv));
      button.append(element("span", {}, nameOf(followed), open ? "" : " (closed)"));
      if (unread > 0 && !isCurrent) {
        button.append(element("span", { class: "badge", "aria-label": `${unread} unread` }, String(unread)));
      }
      return element("li", {}, button);
    });
    const focused = this.#chats.contains(document.activeElement);
    this.#chats.replaceChildren(...items);
    if (focused) this.#chats.querySelector<HTMLElement>('[aria-current="true"]')?.focus();
  }

  #markRead(): void {
    const conv = this.#current;
    const last = conv === undefined ? undefined : this.#client.history(conv).at(-1);
    if (conv !== undefined && last && document.visibilityState === "visible")
      this.#client.read(conv, last.seq);
  }

  #next(): string | undefined {
    return this.#client.conversations.find(({ open }) => open)?.conv;
  }

  #followed(conv: string): Followed | undefined {
    return this.#client.conversations.find((followed) => followed.conv === conv);
  }

  #newThread(): Thread {
    return new Thread("Conversation", () => this.#client.identity ?? { user: "", role: "" });
  }
}

function transferForm(offer: DemoOffer, transfer: (desk: string) => void): HTMLFormElement {
  const options = offer.desks.map(({ id, name }) => element("option", { value: id }, name));
  const select = element("select", { "aria-label": "Desk to transfer to" }, ...options);
  const form = element("form", {}, select, element("button", { type: "submit" }, "Transfer"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    transfer(select.value);
  });
  return form;
}

function nameOf({ title, visitor, conv }: Followed): string {
  return title ?? visitor ?? conv;
}
