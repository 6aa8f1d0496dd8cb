import { Failure } from "../base/errors.ts";

/** Who to be at a NATS server. */
export type NatsAccess = { readonly user: string; readonly pass: string } | { readonly token: string };

/** Servers as the client library takes them, and what it does not read from an address by itself. */
export interface NatsAddress {
  /** `host:port` or `nats://host:port`; never with credentials. */
  readonly servers: readonly string[];
  readonly access?: NatsAccess;
}

const pattern =
  /^([a-z]+:\/\/)?(?:([^:@/]+)(?::([^@/]*))?@)?((?:\[[0-9a-fA-F:.]+\]|[^:@/?#[\]]+)(?::\d+)?)\/?$/;

/**
 * Reads `nats://user:password@host:port`, or `nats://token@host:port`; user, password and token are percent-encoded.
 * One client has one identity: that of the first address that names one.
 * @throws Failure TRANSPORT_CONFIG with a text that does not repeat the address
 */
export function parseNatsUrls(urls: readonly string[]): NatsAddress {
  const parsed = urls.map(parseNatsUrl);
  const access = parsed.find((one) => one.access !== undefined)?.access;
  return { servers: parsed.map(({ server }) => server), ...(access === undefined ? {} : { access }) };
}

function parseNatsUrl(url: string): { server: string; access: NatsAccess | undefined } {
  const [, scheme = "", user, pass, host] = pattern.exec(url) ?? [];
  if (host === undefined) throw badUrl();
  const server = `${scheme}${host}`;
  if (user === undefined) return { server, access: undefined };
  const access = pass === undefined ? { token: decode(user) } : { user: decode(user), pass: decode(pass) };
  return { server, access };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badUrl();
  }
}

function badUrl(): Failure {
  return new Failure(
    "TRANSPORT_CONFIG",
    "a NATS address cannot be used: it is not host:port or nats://user:password@host:port; " +
      "percent-encode what is no letter or digit in user and password",
  );
}
