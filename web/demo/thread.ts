/**
 * The events of one conversation on the page.
 *
 * Role: one list that grows at the end, is filled in front, or begins anew; own messages stand there as pending until
 * they are stored. Boundary: knows no client.
 */
import type { EventBody, MessageBody } from "../../protocol/events.ts";
import type { ConversationEvent } from "../../client/log-view.ts";
import { element, safeLink } from "./element.ts";

/** Who reads the thread. */
export interface Reader {
  readonly user: string;
  readonly role: string;
}

/** A conversation's list of events. */
export class Thread {
  readonly list: HTMLOListElement;
  readonly #reader: () => Reader;
  readonly #choose: ((text: string) => void) | undefined;
  #isPinned = true;
  /** Height of the content and of the view when the list was last looked at. */
  #heights = "";

  /** `choose` is called with the option of a quick reply that somebody picked. */
  constructor(label: string, reader: () => Reader, choose?: (text: string) => void) {
    this.#reader = reader;
    this.#choose = choose;
    this.list = element("ol", { class: "log", role: "log", "aria-label": label, tabindex: "0" });
    this.list.addEventListener("scroll", () => this.#scrolled());
    new ResizeObserver(() => this.#keepEnd()).observe(this.list);
  }

  /** Shows the next event. */
  append(event: ConversationEvent): void {
    const { body } = event.ev;
    if (body.kind === "recalled") return this.#takeBack(body.seq);
    const pending = this.list.querySelector(":scope > .pending");
    this.list.insertBefore(this.#render(event), pending);
    this.#keepEnd();
  }

  /** Puts older events in front. */
  prepend(events: readonly ConversationEvent[]): void {
    this.list.prepend(...events.filter(({ ev }) => ev.body.kind !== "recalled").map((e) => this.#render(e)));
    for (const { ev } of events) if (ev.body.kind === "recalled") this.#takeBack(ev.body.seq);
    this.#keepEnd();
  }

  /** Forgets what is shown, except what is not stored yet. */
  clear(): void {
    for (const item of this.list.querySelectorAll(":scope > :not(.pending)")) item.remove();
  }

  /** Shows an own message until `sent` settles; if it is refused it stays, with the reason. */
  pend(text: string, isNote: boolean, sent: Promise<unknown>): void {
    const by = element("span", {}, "sending…");
    const item = element(
      "li",
      { class: `say own pending${isNote ? " note" : ""}` },
      element("div", { class: "text", dir: "auto" }, text),
      element("div", { class: "by" }, by),
    );
    this.list.append(item);
    this.#isPinned = true;
    this.#keepEnd();
    sent.then(
      () => item.remove(),
      (error: unknown) => {
        item.className = "say own failed";
        by.textContent = `Not sent: ${error instanceof Error ? error.message : "refused"}`;
      },
    );
  }

  #render(event: ConversationEvent): HTMLLIElement {
    const { by, body, ts } = event.ev;
    if (body.kind !== "message" && body.kind !== "note")
      return element("li", { class: "happened" }, happened(body));
    const reader = this.#reader();
    const isOwn = by.id === reader.user && by.role === reader.role;
    const kinds = [
      "say",
      isOwn ? "own" : "",
      by.role === "robot" ? "robot" : "",
      body.kind === "note" ? "note" : "",
    ];
    const name = isOwn ? "You" : by.role === "robot" ? "Robot" : by.id;
    const time = new Date(ts);
    return element(
      "li",
      { class: kinds.filter(Boolean).join(" "), "data-seq": String(event.seq) },
      element("div", { class: "text", dir: "auto" }, ...this.#said(body.body)),
      element(
        "div",
        { class: "by" },
        element("span", {}, body.kind === "note" ? `${name}, note for staff` : name),
        element(
          "time",
          { datetime: time.toISOString() },
          time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
        ),
      ),
    );
  }

  #said(body: MessageBody): (Node | string)[] {
    switch (body.kind) {
      case "text":
        return [body.text];
      case "attachment":
        return [safeLink(body.url, body.name), ` (${Math.ceil(body.bytes / 1024)} KB)`];
      case "card": {
        const title = element(
          "strong",
          {},
          body.url === undefined ? body.title : safeLink(body.url, body.title),
        );
        return body.text === undefined ? [title] : [title, `\n${body.text}`];
      }
      case "quick": {
        const options = body.options.map((text) =>
          element(
            "button",
            { type: "button", onclick: () => this.#choose?.(text), disabled: !this.#choose },
            text,
          ),
        );
        return [body.text, element("div", { class: "options" }, ...options)];
      }
    }
  }

  #takeBack(seq: number): void {
    const text = this.list.querySelector(`:scope > [data-seq="${seq}"] .text`);
    if (!text) return;
    text.replaceChildren("This message was taken back.");
    text.classList.add("gone");
  }

  /** A scroll with the same heights is the reader's own; with others it only follows from a new layout. */
  #scrolled(): void {
    const heights = `${this.list.scrollHeight} ${this.list.clientHeight}`;
    if (heights === this.#heights) this.#isPinned = this.#isAtEnd();
    this.#heights = heights;
  }

  #isAtEnd(): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this.list;
    return scrollHeight - scrollTop - clientHeight < 80;
  }

  /** Stays at the end, unless the reader has scrolled up. */
  #keepEnd(): void {
    if (this.#isPinned) this.list.scrollTop = this.list.scrollHeight;
  }
}

function happened(body: Exclude<EventBody, { kind: "message" | "note" }>): string {
  switch (body.kind) {
    case "opened":
      return "The conversation has begun.";
    case "created":
      return `The group “${body.title}” was created.`;
    case "recalled":
      return "A message was taken back.";
    case "queued":
      return body.why === "returned" ? "Waiting for another person." : "Waiting for a person.";
    case "assigned":
      return `${body.agent} is here.`;
    case "unassigned":
      return `${body.agent} has left.`;
    case "idle":
      return `Still there? This closes in ${Math.max(1, Math.round(body.closesInMs / 60_000))} min.`;
    case "closed":
      return body.why === "idle" ? "Closed, because it was quiet for long." : "The conversation is closed.";
    case "rated":
      return `Rated ${"★".repeat(body.stars)}${"☆".repeat(5 - body.stars)}${body.comment === undefined ? "" : ` “${body.comment}”`}`;
    case "lost":
      return "Some messages were lost by the server.";
  }
}
