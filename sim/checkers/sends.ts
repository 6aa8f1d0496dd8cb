import { textOf, type History, type SendRecord } from "../history.ts";
import type { Checker } from "./evidence.ts";

/** Conversations end while messages to them wait. */
const mayBeRefusedWith: ReadonlySet<string> = new Set(["CLOSED", "WRONG_STATE"]);

interface Place {
  readonly conv: string;
  readonly seq: number;
}

/** NoLostAck, NoPhantom, SenderFIFO, WritesFollowReads and RealtimeAppend: sends against where they stand. */
export const checkSends: Checker = ({ history, logs }) => {
  const sent = new Map(history.sends.map((send) => [send.text, send]));
  const places = new Map<string, Place>();
  for (const [conv, log] of logs) {
    for (const { seq, body } of log) {
      const text = textOf(body);
      if (text === undefined || !text.includes("#")) continue;
      places.set(text, { conv, seq });
      const send = sent.get(text);
      if (send?.conv !== conv) history.violate("NoPhantom", `${text} was never sent to ${conv}`);
      const refused = send?.refused ?? send?.inherited?.refused;
      if (refused !== undefined)
        history.violate("NoPhantom", `${text} was refused with ${refused} and stands in ${conv}`);
    }
  }
  const lastOf = new Map<string, number>();
  const byConv = new Map<string, SendRecord[]>();
  for (const send of history.sends) {
    const place = places.get(send.text);
    const acked = ackOf(send);
    if (acked !== undefined && place?.seq !== acked.seq) {
      const stands = place === undefined ? "nowhere" : `at ${place.seq}`;
      history.violate(
        "NoLostAck",
        `${send.text} was acknowledged at ${acked.seq} of ${send.conv}, stands ${stands}`,
      );
    }
    checkKept(history, send, place);
    if (place === undefined) continue;
    if (place.seq <= send.seen)
      history.violate(
        "WritesFollowReads",
        `${send.text} stands at ${place.seq}, its device had seen ${send.seen}`,
      );
    const line = `${send.device} ${send.conv}`;
    if (place.seq <= (lastOf.get(line) ?? 0))
      history.violate("SenderFIFO", `${send.text} stands before an earlier send of its device`);
    lastOf.set(line, place.seq);
    const list = byConv.get(send.conv);
    if (list === undefined) byConv.set(send.conv, [send]);
    else list.push(send);
  }
  for (const sends of byConv.values()) checkRealtime(history, sends, places);
};

/** When a send was acknowledged, and at which number: to its own page, or to one that took it over. */
function ackOf({ seq, settledAt, inherited }: SendRecord): { at: number; seq: number } | undefined {
  if (seq !== undefined) return { at: settledAt ?? Infinity, seq };
  return inherited?.seq === undefined ? undefined : { at: inherited.at, seq: inherited.seq };
}

/** What a closed page kept for the next one is sent by that, unless it may be refused. */
function checkKept(history: History, { text, kept, inherited }: SendRecord, place: Place | undefined): void {
  const refused = inherited?.refused;
  if (refused !== undefined && !mayBeRefusedWith.has(refused))
    history.violate("NoLostAck", `${text} was refused with ${refused} to the page that took it over`);
  else if (kept === true && place === undefined && refused === undefined)
    history.violate("NoLostAck", `${text} was kept by a page that closed, and stands nowhere`);
}

/** A send that was acknowledged before another one began stands before it. Sends are in the order of their beginnings. */
function checkRealtime(
  history: History,
  sends: readonly SendRecord[],
  places: ReadonlyMap<string, Place>,
): void {
  const acked = sends.flatMap((send) => ackOf(send) ?? []).sort((a, b) => a.at - b.at);
  let next = 0;
  let highest = 0;
  for (const send of sends) {
    for (let ack = acked[next]; ack !== undefined && ack.at < send.startedAt; ack = acked[++next])
      highest = Math.max(highest, ack.seq);
    const seq = places.get(send.text)?.seq ?? Infinity;
    if (seq <= highest)
      history.violate("RealtimeAppend", `${send.text} at ${seq} began after ${highest} was acknowledged`);
  }
}
