import type { ClientSocket, Environment } from "../../client/environment.ts";
import type { ServerFrame } from "../../protocol/frames.ts";
import type { Violation } from "../../sim/history.ts";

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
      const watch = watcher(options);
      const tapped: ClientSocket = {
        send: (text) => {
          watch.sent(text);
          socket.send(text);
        },
        close: (code, reason) => socket.close(code, reason),
        onopen: () => {},
        onmessage: () => {},
        onclose: () => {},
      };
      socket.onopen = () => tapped.onopen();
      socket.onmessage = (text) => {
        watch.received(JSON.parse(text) as ServerFrame);
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

function watcher({ device, onViolation }: TapOptions): {
  sent(text: string): void;
  received(frame: ServerFrame): void;
} {
  const position = new Map<string, number>();
  const sends = new Set<string>();
  const fail = (guarantee: string, text: string): void =>
    onViolation({ guarantee, text: `${device}: ${text}` });
  return {
    sent(text) {
      const frame = JSON.parse(text) as { t: string; p?: string; n?: number; conv?: string };
      if (frame.t === "send") sends.add(`${frame.conv} ${frame.p} ${frame.n}`);
    },
    received(frame) {
      switch (frame.t) {
        case "welcome":
          for (const { conv, base } of frame.convs) position.set(conv, base[0]);
          return;
        case "conv":
          position.set(frame.conv, frame.base[0]);
          return;
        case "deliver": {
          const at = position.get(frame.conv);
          if (at === undefined) fail("NoPhantom", `${frame.conv} delivered before it was announced`);
          else if (frame.seq <= at)
            fail("MonotonicDelivery", `${frame.conv} delivered ${frame.seq} after ${at}`);
          else if (frame.prev !== at)
            fail("NoSkip", `${frame.conv} delivered ${frame.seq} (prev ${frame.prev}) after ${at}`);
          position.set(frame.conv, frame.seq);
          return;
        }
        case "ack": {
          const { conv, seq, prev } = frame;
          if (conv === undefined || !sends.has(`${conv} ${frame.p} ${frame.n}`)) return;
          if (position.get(conv) === prev) position.set(conv, seq);
          return;
        }
        default:
      }
    },
  };
}
