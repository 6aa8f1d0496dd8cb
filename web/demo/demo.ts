/** The demo page: choose a part, then chat. Everything a person wrote is inserted as text, never as markup. */
import { connect, type Client } from "../../client/client.ts";
import { browserEnvironment } from "../../client/socket-browser.ts";
import type { ConnectionState } from "../../client/connector.ts";
import { showAgent } from "./agent.ts";
import { element, field } from "./element.ts";
import { agentToken, fetchOffer, socketUrl, visitorToken, type DemoOffer } from "./server.ts";
import { showVisitor } from "./visitor.ts";

const stage = byId("stage");
const who = byId("who");
const line = byId("line");
const trouble = byId("trouble");
const leave = byId("leave");

leave.addEventListener("click", () => location.assign(location.pathname));
fetchOffer().then(start, complain);

function start(offer: DemoOffer): void {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const agent = offer.agents.find(({ user }) => user === wanted.get("agent"));
  const channel = offer.channels.find(({ id }) => id === wanted.get("channel"));
  if (agent) beAgent(offer, agent.user, agent.name);
  else if (channel) beVisitor(channel.id);
  else choose(offer);
}

function choose(offer: DemoOffer): void {
  const channels = offer.channels.map(({ id, name }) => element("option", { value: id }, name));
  const channel = element("select", {}, ...channels);
  const visitor = element(
    "form",
    { class: "card" },
    element("h2", {}, "I am a visitor"),
    element("p", {}, "Ask the robot, and a person when it does not know."),
    field("I write on", channel),
    element("button", { type: "submit", class: "main" }, "Start a chat"),
  );
  visitor.addEventListener("submit", (event) => {
    event.preventDefault();
    beVisitor(channel.value);
  });
  const agents = offer.agents.map(({ user, name }) =>
    element("button", { type: "button", onclick: () => beAgent(offer, user, name) }, name),
  );
  const agent = element(
    "section",
    { class: "card" },
    element("h2", {}, "I am an agent"),
    element("p", {}, "Answer visitors. Open another window as a visitor to talk to yourself."),
    ...agents,
  );
  stage.replaceChildren(element("div", { class: "choice" }, visitor, agent));
}

function beVisitor(channel: string): void {
  const client = begin("visitor", "Visitor", visitorToken, `channel=${channel}`);
  showVisitor(stage, client, channel, complain);
}

function beAgent(offer: DemoOffer, user: string, name: string): void {
  const client = begin("agent", name, () => agentToken(user), `agent=${user}`);
  showAgent(stage, client, offer, complain);
}

/** Connects and sets the stage; the hash makes a reload come back to the same part. */
function begin(part: string, name: string, token: () => Promise<string>, hash: string): Client {
  const client = connect({ url: socketUrl(), token, environment: browserEnvironment() });
  history.replaceState(null, "", `#${hash}`);
  stage.className = part;
  who.textContent = name;
  leave.hidden = false;
  client.on("state", showState);
  client.on("welcome", ({ user }) => (who.textContent = name === "Visitor" ? `Visitor ${user}` : name));
  client.on("error", complain);
  stage.focus();
  return client;
}

function showState(state: ConnectionState): void {
  line.dataset["state"] = state.state;
  switch (state.state) {
    case "online":
      line.textContent = "online";
      trouble.hidden = true;
      return;
    case "connecting":
      line.textContent = "connecting…";
      return;
    case "waiting":
      line.textContent = `offline, next try in ${Math.ceil(state.retryInMs / 1000)} s`;
      return;
    case "stopped":
      line.textContent = "ended";
      complain(
        new Error(`The connection has ended: ${state.reason || `code ${state.code}`}. Reload the page.`),
      );
  }
}

function complain(error: unknown): void {
  trouble.textContent = error instanceof Error ? error.message : String(error);
  trouble.hidden = false;
}

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page lacks #${id}.`);
  return found;
}
