/** The SDK's environment in a browser: the page's clock, `crypto`, `WebSocket`, and signs of waking up. */
import { idFromBytes, type Cancel, type ClientSocket, type Environment } from "./environment.ts";
import { browserShelf } from "./shelf-browser.ts";

/** The environment of a web page. */
export function browserEnvironment(): Environment {
  const shelf = browserShelf();
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
    id: () => idFromBytes(crypto.getRandomValues(new Uint8Array(12))),
    openSocket: openBrowserSocket,
    onWake,
    ...(shelf === undefined ? {} : { shelf }),
  };
}

function openBrowserSocket(url: string, subprotocol: string): ClientSocket {
  const web = new WebSocket(url, subprotocol);
  const socket: ClientSocket = {
    send(text) {
      if (web.readyState === WebSocket.OPEN) web.send(text);
    },
    close: (code, reason) => web.close(code, reason),
    onopen: () => {},
    onmessage: () => {},
    onclose: () => {},
  };
  web.addEventListener("open", () => socket.onopen());
  web.addEventListener("message", (event) => {
    if (typeof event.data === "string") socket.onmessage(event.data);
  });
  web.addEventListener("close", (event) => socket.onclose(event.code, event.reason));
  return socket;
}

function onWake(run: () => void): Cancel {
  const shown = (): void => {
    if (document.visibilityState === "visible") run();
  };
  addEventListener("online", run);
  addEventListener("pageshow", run);
  document.addEventListener("visibilitychange", shown);
  return () => {
    removeEventListener("online", run);
    removeEventListener("pageshow", run);
    document.removeEventListener("visibilitychange", shown);
  };
}
