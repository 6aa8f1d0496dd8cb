/** Which pages may speak with the server, by the `Origin` that their browser sends (RFC 6454): one rule for all doors. */

const loopback = /^((.+\.)?localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * Whether a page of that origin may connect. Who sends no origin is no page of another one.
 * @param origins what the operator allows; empty allows all
 */
export function isAllowed(origin: string | undefined, origins: readonly string[]): boolean {
  return origins.length === 0 || origin === undefined || origins.includes(origin);
}

/**
 * Whether it may have what only development gives away: a page of this server, of this machine, or of an origin that the
 * operator has named. All others are whatever site the developer happens to visit.
 * @param host the `Host` that was asked
 */
export function isAtHome(
  origin: string | undefined,
  host: string | undefined,
  origins: readonly string[],
): boolean {
  if (origin === undefined || origins.includes(origin)) return true;
  const url = URL.parse(origin);
  return url !== null && (url.host === host || loopback.test(url.hostname));
}
