type Child = Node | string;

/** Attributes, and `on<event>` listeners, of an element to make; `undefined` and `false` leave one out. */
export type Attributes = Readonly<Record<string, string | boolean | undefined | ((event: Event) => void)>>;

/**
 * Makes an element. Text only ever becomes a text node, so that nothing a person wrote can turn into markup; a
 * listener is given as `onclick`, `onsubmit` and so on.
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (typeof value === "string") made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** A labelled form control. */
export function field(label: string, control: HTMLElement): HTMLLabelElement {
  return element("label", { class: "field" }, element("span", {}, label), control);
}

/** A link if the address is one of the web, else plain text: `javascript:` and the like never become clickable. */
export function safeLink(url: string, text: string): Node {
  const parsed = URL.parse(url, location.href);
  if (parsed?.protocol !== "https:" && parsed?.protocol !== "http:") return document.createTextNode(text);
  return element("a", { href: parsed.href, rel: "noopener noreferrer", target: "_blank" }, text);
}
