/** A TypeScript source seen three ways, each as long as the original, so that positions and lines agree. */
export interface SourceText {
  readonly raw: string;
  /** Code only: comments and the insides of strings, templates and regular expressions are blanks. */
  readonly code: string;
  /** Comments only. */
  readonly comments: string;
}

const wordsBeforeRegex = new Set(
  "return typeof case in of delete void throw new else do await yield instanceof".split(" "),
);

/** Splits a source into code and comments. It knows strings, nested templates and regular expressions. */
export function readSource(raw: string): SourceText {
  const scan = new Scan(raw);
  scan.run();
  return { raw, code: scan.code.join(""), comments: scan.comments.join("") };
}

/** The line of a position, counted from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < position; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

class Scan {
  readonly code: string[] = [];
  readonly comments: string[] = [];
  readonly #raw: string;
  #at = 0;
  /** Open braces of the code inside `${}`; one number per template that is open. */
  readonly #templates: number[] = [];

  constructor(raw: string) {
    this.#raw = raw;
  }

  run(): void {
    while (this.#at < this.#raw.length) this.#step();
  }

  #step(): void {
    const raw = this.#raw;
    const two = raw.slice(this.#at, this.#at + 2);
    if (two === "//") return this.#comment(indexOrEnd(raw, "\n", this.#at));
    if (two === "/*") return this.#comment(indexOrEnd(raw, "*/", this.#at + 2) + 2);
    const char = raw[this.#at] ?? "";
    if (char === '"' || char === "'") return this.#quoted(char);
    if (char === "/" && this.#regexMayBegin()) return this.#regex();
    if (char === "`") return this.#template();
    const depth = this.#templates.at(-1);
    if (depth !== undefined && char === "{") this.#templates[this.#templates.length - 1] = depth + 1;
    if (depth !== undefined && char === "}") {
      if (depth === 0) {
        this.#templates.pop();
        return this.#template();
      }
      this.#templates[this.#templates.length - 1] = depth - 1;
    }
    this.#keep(char);
  }

  /** One character of code. */
  #keep(char: string): void {
    this.code.push(char);
    this.comments.push(char === "\n" ? "\n" : " ");
    this.#at++;
  }

  /** One character that is not code. */
  #blank(): void {
    const blank = this.#raw[this.#at] === "\n" ? "\n" : " ";
    this.code.push(blank);
    this.comments.push(blank);
    this.#at++;
  }

  #comment(end: number): void {
    for (; this.#at < Math.min(end, this.#raw.length); this.#at++) {
      const char = this.#raw[this.#at] ?? "";
      this.code.push(char === "\n" ? "\n" : " ");
      this.comments.push(char);
    }
  }

  #quoted(quote: string): void {
    this.#keep(quote);
    while (this.#at < this.#raw.length && this.#raw[this.#at] !== quote) this.#blankOne();
    if (this.#at < this.#raw.length) this.#keep(quote);
  }

  #regex(): void {
    this.#keep("/");
    let inClass = false;
    for (let char = this.#raw[this.#at]; char !== undefined && char !== "\n"; char = this.#raw[this.#at]) {
      if (char === "/" && !inClass) break;
      if (char === "[") inClass = true;
      if (char === "]") inClass = false;
      this.#blankOne();
    }
    if (this.#raw[this.#at] === "/") this.#keep("/");
  }

  /** From a backtick, or from the brace that ends an insertion, to the next backtick or insertion. */
  #template(): void {
    this.#keep(this.#raw[this.#at] ?? "");
    while (this.#at < this.#raw.length) {
      if (this.#raw[this.#at] === "`") return this.#keep("`");
      if (this.#raw.startsWith("${", this.#at)) {
        this.#keep("$");
        this.#keep("{");
        this.#templates.push(0);
        return;
      }
      this.#blankOne();
    }
  }

  #blankOne(): void {
    if (this.#raw[this.#at] === "\\") this.#blank();
    if (this.#at < this.#raw.length) this.#blank();
  }

  #regexMayBegin(): boolean {
    const before = this.code.slice(-60).join("").trimEnd();
    const word = /[A-Za-z_$][\w$]*$/.exec(before)?.[0];
    if (word !== undefined) return wordsBeforeRegex.has(word);
    return !/[\w$)\]}"'`]$/.test(before);
  }
}

function indexOrEnd(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at < 0 ? text.length : at;
}
