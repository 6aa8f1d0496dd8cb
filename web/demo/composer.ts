import { element, field } from "./element.ts";

/** Where one writes. */
export interface Composer {
  readonly form: HTMLFormElement;
  /** Allows or forbids writing. */
  enable(on: boolean): void;
  focus(): void;
}

/** What a composer does with what is written. */
export interface Writing {
  readonly label: string;
  /** Offers notes for staff beside messages. */
  readonly notes?: boolean;
  send(text: string, isNote: boolean): void;
  typing(): void;
}

/** A text box with a button: Enter sends, Shift+Enter breaks the line, and an input method's Enter only chooses. */
export function composer({ label, notes = false, send, typing }: Writing): Composer {
  const box = element("textarea", { maxlength: "16000", enterkeyhint: "send", dir: "auto" });
  const button = element("button", { type: "submit", class: "main" }, "Send");
  const note = element("input", { type: "checkbox" });
  const check = element("label", { class: "check" }, note, " Note that only staff sees");
  const form = element("form", { class: "composer" }, ...(notes ? [check] : []), field(label, box), button);
  const submit = (): void => {
    const text = box.value.trim();
    if (text === "" || button.disabled) return;
    box.value = "";
    send(text, note.checked);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
    box.focus();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  box.addEventListener("input", () => {
    if (box.value !== "" && !note.checked) typing();
  });
  note.addEventListener("change", () => void form.classList.toggle("noting", note.checked));
  return {
    form,
    enable(on) {
      box.disabled = !on;
      button.disabled = !on;
    },
    focus: () => box.focus(),
  };
}

/** A line that says for a while that somebody is typing. */
export function typingHint(line: HTMLElement): (name: string) => void {
  let timer = 0;
  return (name) => {
    line.textContent = `${name} is typing…`;
    clearTimeout(timer);
    timer = window.setTimeout(() => (line.textContent = ""), 4000);
  };
}
