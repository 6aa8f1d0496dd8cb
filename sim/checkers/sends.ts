import { textOf, type History, type SendRecord } from "../history.ts";
import type { Checker } from "./evidence.ts";

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
      if (send?.refused !== undefined)
        history.violate("NoPhantom", `${text} was refused with ${send.refused} and stands in ${conv}`);
    }
  }
  const lastOf = new Map<string, number>();
  const byConv = new Map<string, SendRecord[]>();
  for (const send of history.sends) {
    const place = places.get(send.text);
    if (send.seq !== undefined && place?.seq !== send.seq) {
      const stands = place === undefined ? "nowhere" : `at ${place.seq}`;
      history.violate(
        "NoLostAck",
        `${send.text} was acknowledged at ${send.seq} of ${send.conv}, stands ${stands}`,
      );
    }
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

/** A send that was acknowledged before another one began stands before it. Sends are in the order of their beginnings. */
function checkRealtime(
  history: History,
  sends: readonly SendRecord[],
  places: ReadonlyMap<string, Place>,
): void {
  const acked = sends
    .flatMap(({ settledAt, seq }) =>
      settledAt === undefined || seq === undefined ? [] : [{ settledAt, seq }],
    )
    .sort((a, b) => a.settledAt - b.settledAt);
  let next = 0;
  let highest = 0;
  for (const send of sends) {
    for (let ack = acked[next]; ack !== undefined && ack.settledAt < send.startedAt; ack = acked[++next])
      highest = Math.max(highest, ack.seq);
    const seq = places.get(send.text)?.seq ?? Infinity;
    if (seq <= highest)
      history.violate("RealtimeAppend", `${send.text} at ${seq} began after ${highest} was acknowledged`);
  }
}
