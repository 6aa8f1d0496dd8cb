/** An answer of `POST /v1/tokens`. */
export interface IssuedToken {
  readonly token: string;
  readonly user: string;
}

/**
 * Asks the server that belongs to a socket's address for a token.
 * @throws Error one readable line
 */
export async function fetchToken(
  socketUrl: string,
  role: "visitor" | "agent",
  user: string | undefined,
): Promise<IssuedToken> {
  const url = new URL("/v1/tokens", socketUrl.replace(/^ws/, "http"));
  const body = JSON.stringify(user === undefined ? { role } : { role, user });
  const answer = await reach(url, body);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url.href} answered ${answer.status}: ${text.slice(0, 200)}`);
  const issued = JSON.parse(text) as Partial<IssuedToken>;
  if (typeof issued.token !== "string" || typeof issued.user !== "string")
    throw new Error(`${url.href} answered without a token`);
  return { token: issued.token, user: issued.user };
}

async function reach(url: URL, body: string): Promise<Response> {
  try {
    return await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const why = cause instanceof Error && cause.message !== "" ? cause.message : "no connection";
    throw new Error(`cannot reach ${url.origin}: ${why}`, { cause: error });
  }
}
