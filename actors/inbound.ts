import type { Code } from "../protocol/codes.ts";
import type { CommandFrame, RequestFrame } from "../protocol/frames.ts";
import type { ConversationId } from "../protocol/ids.ts";

/** The numbering of a command, readable even when the rest of it is not valid. */
export interface CommandHeader {
  readonly p: string;
  readonly n: number;
  readonly after: number;
  readonly digest: number;
  /** Absent for commands to one's own session. */
  readonly conv?: ConversationId;
}

/**
 * `command`, `request`: valid. `refused`: a numbered command whose content is not valid; its number is used up.
 * `unknown`: a frame of another version, to be ignored. `bad`: not this protocol at all.
 */
export type Parsed =
  | {
      readonly kind: "command";
      readonly frame: CommandFrame;
      readonly header: CommandHeader;
      /** The frame as it came: JSON. */
      readonly text: string;
    }
  | { readonly kind: "request"; readonly frame: RequestFrame }
  | {
      readonly kind: "refused";
      readonly header: CommandHeader;
      readonly code: Code;
      /** Which field does not fit, and what does; nothing of what was sent. */
      readonly msg: string;
    }
  | { readonly kind: "unknown" }
  | { readonly kind: "bad"; readonly reason: string };
