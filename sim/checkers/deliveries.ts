import { visibleTo, type LogEvent } from "../../protocol/events.ts";
import { textOf, type DeviceHistory, type History, type SeenRecord } from "../history.ts";
import type { Checker } from "./evidence.ts";

/** MonotonicDelivery, NoSkip, OffsetAgreement, NoPhantom and ReadYourWrites: what devices saw against the logs. */
export const checkDeliveries: Checker = ({ history, logs }) => {
  const last = new Map<string, number>();
  for (const device of history.devices) {
    for (const [conv, list] of device.seen) {
      checkOne(history, device, conv, list, logs.get(conv) ?? []);
      // An acknowledgement may come before what stands between: a page that closes then has seen neither.
      if (device.closed !== true) last.set(`${device.device} ${conv}`, list.at(-1)?.seq ?? 0);
    }
  }
  for (const { device, conv, seq, text } of history.sends) {
    const seen = last.get(`${device} ${conv}`);
    if (seq !== undefined && seen !== undefined && seen < seq)
      history.violate(
        "ReadYourWrites",
        `${device} saw ${conv} up to ${seen}, never its own ${text} at ${seq}`,
      );
  }
};

function checkOne(
  history: History,
  { device, audience }: DeviceHistory,
  conv: string,
  list: readonly SeenRecord[],
  log: readonly LogEvent[],
): void {
  let last: number | undefined;
  for (const { seq, prev, epoch, text } of list) {
    if (last !== undefined && seq <= last)
      history.violate("MonotonicDelivery", `${device} saw ${seq} after ${last} in ${conv}`);
    else if (last !== undefined && (prev !== last || skips(log, last, seq, audience)))
      history.violate("NoSkip", `${device} saw ${seq} (prev ${prev}) after ${last} in ${conv}`);
    last = seq;
    const stands = log[seq - 1];
    if (stands === undefined)
      history.violate("NoPhantom", `${device} saw ${seq} in ${conv}, which has ${log.length}`);
    else if (stands.epoch !== epoch || textOf(stands.body) !== text)
      history.violate("OffsetAgreement", `${device} saw another event at ${seq} in ${conv}`);
    else if (!visibleTo(stands, audience))
      history.violate("NoPhantom", `${device} saw ${seq} in ${conv}, which is not for it`);
  }
}

/** Whether something that is for it stands between two numbers. The ranges of one device do not overlap. */
function skips(
  log: readonly LogEvent[],
  last: number,
  seq: number,
  audience: DeviceHistory["audience"],
): boolean {
  for (let between = last; between < seq - 1; between++) {
    const event = log[between];
    if (event !== undefined && visibleTo(event, audience)) return true;
  }
  return false;
}
