import type { ClientSocket, Environment } from "../../client/environment.ts";
import type { ServerFrame } from "../../protocol/frames.ts";
import type { Violation } from "../../sim/history.ts";
import { Wire } from "../../sim/people/wire.ts";

/** What a tapped environment needs. */
export interface TapOptions {
  readonly inner: Environment;
  readonly device: string;
  /** The addresses to try, one after the other as connections fail: what a load balancer does. */
  readonly urls: () => readonly string[];
  /** Which of them is first. */
  readonly home: number;
  readonly onViolation: (violation: Violation) => void;
}

/**
 * An environment whose sockets go to one of several nodes and are watched frame by frame: MonotonicDelivery and NoSkip
 * hold on the wire itself, before the SDK can hide anything.
 */
export function tappedEnvironment(options: TapOptions): Environment {
  let turn = options.home;
  return {
    ...options.inner,
    now: () => options.inner.now(),
    openSocket(_url, subprotocol) {
      const urls = options.urls();
      const url = urls[turn % Math.max(1, urls.length)] ?? "ws://127.0.0.1:9/none";
      const socket = options.inner.openSocket(url, subprotocol);
      const { device, onViolation } = options;
      const wire = new Wire(
        (guarantee, text) => onViolation({ guarantee, text: `${device}: ${text}` }),
        "fault",
      );
      const tapped: ClientSocket = {
        send: (text) => {
          noteSent(wire, text);
          socket.send(text);
        },
        close: (code, reason) => socket.close(code, reason),
        onopen: () => {},
        onmessage: () => {},
        onclose: () => {},
      };
      socket.onopen = () => tapped.onopen();
      socket.onmessage = (text) => {
        wire.receive(JSON.parse(text) as ServerFrame);
        tapped.onmessage(text);
      };
      socket.onclose = (code, reason) => {
        if (code !== 1000) turn++;
        tapped.onclose(code, reason);
      };
      return tapped;
    },
  };
}

/** Notes an own send, so that its acknowledgement counts as its delivery. */
function noteSent(wire: Wire, text: string): void {
  const frame = JSON.parse(text) as { t: string; p?: string; n?: number; conv?: string };
  if (frame.t === "send") wire.sends.add(`${frame.conv} ${frame.p} ${frame.n}`);
}
