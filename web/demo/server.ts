/** What `GET /v1/demo` offers to choose from. */
export interface DemoOffer {
  readonly agents: readonly { readonly user: string; readonly name: string; readonly token: string }[];
  readonly channels: readonly { readonly id: string; readonly name: string }[];
  readonly desks: readonly { readonly id: string; readonly name: string }[];
}

/** What the server offers. @throws Error one readable line */
export async function fetchOffer(): Promise<DemoOffer> {
  return (await read(await fetch("/v1/demo"))) as DemoOffer;
}

/** A visitor's token: the same visitor for as long as the tab lives. @throws Error one readable line */
export async function visitorToken(): Promise<string> {
  const known = sessionStorage.getItem(visitorKey);
  const body = JSON.stringify({ role: "visitor", ...(known === null ? {} : { user: known }) });
  const request = { method: "POST", headers: { "content-type": "application/json" }, body };
  const { token, user } = (await read(await fetch("/v1/tokens", request))) as { token: string; user: string };
  sessionStorage.setItem(visitorKey, user);
  return token;
}

/** A fresh token of a demo agent. @throws Error one readable line */
export async function agentToken(user: string): Promise<string> {
  const agent = (await fetchOffer()).agents.find((one) => one.user === user);
  if (!agent) throw new Error("The server does not offer this agent any more.");
  return agent.token;
}

/** The socket of the server that this page came from. */
export function socketUrl(): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
}

const visitorKey = "usher.visitor";

async function read(answer: Response): Promise<unknown> {
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  return answer.json();
}
