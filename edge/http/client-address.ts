import { isIP } from "node:net";
import type { FastifyRequest } from "fastify";

/**
 * Whom a request comes from, as far as that can be known: the socket's address, or the one that trusted proxies name in
 * `X-Forwarded-For`. Of IPv6 the first 64 bits, since whoever has one such address has all of them.
 */
export function clientAddress(request: FastifyRequest): string {
  const { ip } = request;
  // A proxy may name something else, an address with a port for example.
  const address = isIP(ip) === 0 ? (request.socket.remoteAddress ?? "") : ip;
  return isIP(address) === 6 ? networkOf(address) : address;
}

const ipv4InIpv6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

function networkOf(address: string): string {
  const ipv4 = ipv4InIpv6.exec(address)?.[1];
  if (ipv4 !== undefined) return ipv4;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  // `::` stands for as many zeros as are missing.
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === "" ? 0 : tail.split(":").length);
  const all = [...groups, ...Array<string>(missing).fill("0"), ...(tail ?? "").split(":")];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
