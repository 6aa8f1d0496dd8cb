import type { ConversationEvent } from "./log-view.ts";
import { lineOf, textOf } from "./terminal-text.ts";

/** Where a chat shows what happens: lines for people, or JSON for programs. */
export interface Screen {
  /** Something happened: `name` and `data` for programs, `text` for people, who see nothing without it. */
  show(name: string, data: object, text?: string): void;
  /** One event of a log; `label` tells people which chat, when there are several. */
  event(event: ConversationEvent, own: { readonly user: string; readonly role: string }, label: string): void;
}

/** One JSON object per line. */
export function jsonScreen(write: (line: string) => void): Screen {
  return {
    show: (name, data) => write(JSON.stringify({ event: name, ...data })),
    event({ conv, seq, prev, ev }) {
      const { kind, ...fields } = ev.body;
      const said =
        ev.body.kind === "message" || ev.body.kind === "note" ? { text: textOf(ev.body.body) } : {};
      const place = { conv, seq, prev, ts: ev.ts, by: ev.by };
      const details = ev.body.kind === "recalled" ? { recalled: ev.body.seq } : fields;
      write(JSON.stringify({ event: kind, ...place, ...said, ...details }));
    },
  };
}

/** Readable lines. */
export function textScreen(write: (line: string) => void): Screen {
  return {
    show(_name, _data, text) {
      if (text !== undefined) write(harmless(text));
    },
    event: (event, own, label) => write(harmless(`${label}${lineOf(event, own)}`)),
  };
}

/**
 * What others wrote must neither steer the reader's terminal (escape sequences, right-to-left overrides) nor look like
 * lines of this program: all further lines are set in.
 */
function harmless(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]|\p{Bidi_Control}/gu, "\uFFFD").replaceAll("\n", "\n    ");
}
