/**
 * The visitor's side: one conversation on one channel, robot first, a person on request, a rating at the end.
 */
import type { Client } from "../../client/client.ts";
import { composer, typingHint } from "./composer.ts";
import { element, field } from "./element.ts";
import { Thread } from "./thread.ts";

/** Shows the visitor's chat in `stage`; `trouble` shows a failure to the visitor. */
export function showVisitor(
  stage: HTMLElement,
  client: Client,
  channel: string,
  trouble: (error: unknown) => void,
): void {
  let conv: string | undefined;
  const attempt = (work: Promise<unknown>): void => void work.catch(trouble);
  const thread = new Thread(
    "Conversation",
    () => client.identity ?? { user: "", role: "" },
    (text) => say(text),
  );
  const queue = element("p", { class: "hint", role: "status" });
  const hint = element("p", { class: "hint", "aria-live": "polite" });
  const person = element("button", { type: "button", onclick: () => conv && attempt(client.human(conv)) });
  person.textContent = "Talk to a person";
  const end = element(
    "button",
    { type: "button", onclick: () => conv && attempt(client.close(conv)) },
    "End chat",
  );
  const again = element("button", { type: "button", class: "main" }, "New conversation");
  again.addEventListener("click", () => attempt(begin()));
  const rating = ratingForm((stars, comment) => {
    if (conv) attempt(client.rate(conv, stars, comment));
  });
  const writing = composer({
    label: "Your message",
    send: say,
    typing: () => conv && client.typing(conv),
  });
  const heading = element("header", {}, element("h2", {}, "How can we help?"), person, end, again);
  stage.replaceChildren(
    element("section", { class: "chat" }, heading, thread.list, hint, queue, rating, writing.form),
  );

  function say(text: string): void {
    if (conv) thread.pend(text, false, client.send(conv, text));
  }

  /** Shows the controls that fit the conversation's phase. */
  function phase(now: "opening" | "robot" | "waiting" | "person" | "closed" | "rated"): void {
    const isOpen = now !== "closed" && now !== "rated" && now !== "opening";
    writing.enable(isOpen);
    writing.form.hidden = now === "closed" || now === "rated";
    person.hidden = now !== "robot";
    end.hidden = !isOpen;
    again.hidden = isOpen || now === "opening";
    rating.hidden = now !== "closed";
    queue.hidden = now !== "waiting";
    if (now === "waiting") queue.textContent = "Looking for a person…";
  }

  async function begin(): Promise<void> {
    phase("opening");
    const opened = await client.open(channel);
    if (opened !== conv) thread.clear();
    conv = opened;
    phase("robot");
    if (client.history(conv).length === 0) await client.backfill(conv, 100);
    else redraw();
    writing.focus();
  }

  function redraw(): void {
    thread.clear();
    if (!conv) return;
    thread.prepend(client.history(conv));
    for (const { ev } of client.history(conv)) follow(ev.body.kind);
  }

  /** Who looks at the page has read what it shows. */
  function markRead(): void {
    const last = conv === undefined ? undefined : client.history(conv).at(-1);
    if (conv !== undefined && last && document.visibilityState === "visible") client.read(conv, last.seq);
  }

  function follow(kind: string): void {
    if (kind === "opened") phase("robot");
    if (kind === "queued") phase("waiting");
    if (kind === "assigned") phase("person");
    if (kind === "closed") phase("closed");
    if (kind === "rated") phase("rated");
  }

  client.on("event", (event) => {
    if (event.conv !== conv) return;
    hint.textContent = "";
    thread.append(event);
    follow(event.ev.body.kind);
    markRead();
  });
  client.on("history", (older) => {
    if (older.conv !== conv) return;
    redraw();
    markRead();
  });
  document.addEventListener("visibilitychange", markRead);
  client.on("reset", (reset) => {
    if (reset.conv === conv) thread.clear();
  });
  client.on("queue", ({ conv: waiting, position, etaSec }) => {
    if (waiting !== conv) return;
    const eta = etaSec === null ? "" : `, about ${Math.max(1, Math.round(etaSec / 60))} min`;
    queue.textContent = `You are number ${position} in the queue${eta}.`;
  });
  const typing = typingHint(hint);
  client.on("typing", ({ conv: where, user, role }) => {
    if (where === conv) typing(role === "robot" ? "The robot" : user);
  });
  attempt(begin());
}

function ratingForm(rate: (stars: number, comment: string | undefined) => void): HTMLFormElement {
  const stars = [1, 2, 3, 4, 5].map((count) =>
    element(
      "label",
      {},
      element("input", { type: "radio", name: "stars", value: String(count), required: true }),
      element("span", { "aria-hidden": "true" }, "★".repeat(count)),
      element("span", { class: "sr" }, `${count} of 5`),
    ),
  );
  const comment = element("input", { type: "text", maxlength: "2000", name: "comment" });
  const form = element(
    "form",
    { class: "rating" },
    element(
      "fieldset",
      {},
      element("legend", {}, "How did we do?"),
      element("div", { class: "stars" }, ...stars),
    ),
    field("A word about it (optional)", comment),
    element("button", { type: "submit", class: "main" }, "Rate"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = Number(new FormData(form).get("stars"));
    if (chosen >= 1) rate(chosen, comment.value.trim() || undefined);
    form.reset();
  });
  return form;
}
