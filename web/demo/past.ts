import type { Client } from "../../client/client.ts";
import type { ConversationSummary } from "../../protocol/frames.ts";
import { element } from "./element.ts";
import { Thread } from "./thread.ts";

/** The panel of a visitor's earlier conversations: a list, and one of them to read. */
export class Past {
  readonly panel: HTMLElement;
  readonly #client: Client;
  readonly #trouble: (error: unknown) => void;
  readonly #body = element("div");
  #visitor: string | undefined;

  constructor(client: Client, trouble: (error: unknown) => void) {
    this.#client = client;
    this.#trouble = trouble;
    const title = element("h3", {}, "Earlier conversations");
    this.panel = element(
      "aside",
      { class: "past", "aria-label": "Earlier conversations" },
      title,
      this.#body,
    );
  }

  /** Lists a visitor's conversations except the one that is open on the desk. */
  show(visitor: string | undefined, except: string): void {
    this.#visitor = visitor;
    this.#body.replaceChildren();
    if (visitor === undefined) return;
    this.#client.list(visitor).then((all) => {
      if (this.#visitor === visitor)
        this.#list(
          all.filter(({ conv }) => conv !== except),
          except,
        );
    }, this.#trouble);
  }

  #list(summaries: readonly ConversationSummary[], except: string): void {
    if (summaries.length === 0) {
      this.#body.replaceChildren(element("p", { class: "faint" }, "This is the first one."));
      return;
    }
    const items = summaries.map((summary) => {
      const button = element("button", { type: "button", onclick: () => this.#read(summary, except) });
      const when = new Date(summary.openedAt).toLocaleString();
      button.append(element("span", {}, when));
      button.append(
        element("span", { class: "faint" }, `${summary.channel ?? ""} ${summary.open ? "open" : "closed"}`),
      );
      return element("li", {}, button);
    });
    this.#body.replaceChildren(element("ul", { class: "earlier" }, ...items));
  }

  #read(summary: ConversationSummary, except: string): void {
    const { conv } = summary;
    const back = element("button", { type: "button" }, "Back");
    back.addEventListener("click", () => this.show(this.#visitor, except));
    const thread = new Thread("Earlier conversation", () => this.#client.identity ?? { user: "", role: "" });
    this.#body.replaceChildren(back, thread.list);
    back.focus();
    this.#client.sync(conv, { after: 0, limit: 300 }).then(({ items }) => {
      thread.prepend(items.map((item) => ({ ...item, conv })));
    }, this.#trouble);
  }
}
