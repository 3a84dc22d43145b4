import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddr from 'proxy-addr';

/**
 * Which proxies are trusted to name the caller: a number of hops in front of this server, or
 * addresses and CIDR ranges. Null: none, so `X-Forwarded-For` is not read.
 */
export type TrustedProxies = number | readonly string[] | null;

/** An IPv4 address may carry a port, and an IPv6 address brackets with or without one. */
const WITH_PORT = /^(?:\[([^\]]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)$/;

function withoutPort(address: string): string {
  const match = WITH_PORT.exec(address);
  return match?.[1] ?? match?.[2] ?? address;
}

/** @throws TypeError when an entry is neither an address nor a CIDR range */
export function requireProxyRanges(ranges: readonly string[]): void {
  proxyAddr.compile([...ranges]);
}

/**
 * Returns what finds the caller's address: the nearest hop that is not a trusted proxy. Addresses
 * further away are the caller's own words. An entry that is not an address ends the search, and the
 * proxy that reported it is the caller.
 */
export function createCallerAddress(trusted: TrustedProxies): (incoming: IncomingMessage) => string {
  const socketAddress = ({ socket }: IncomingMessage) => socket.remoteAddress ?? 'unknown';
  if (trusted === null) return socketAddress;
  const isTrusted =
    typeof trusted === 'number' ? (_: string, hop: number) => hop < trusted : proxyAddr.compile([...trusted]);
  return (incoming) => {
    if (incoming.headers['x-forwarded-for'] === undefined) return socketAddress(incoming);
    const addresses = proxyAddr.all(incoming).map(withoutPort);
    let hop = 0;
    while (hop + 1 < addresses.length && isIP(addresses[hop + 1] ?? '') && isTrusted(addresses[hop] ?? '', hop)) hop++;
    return addresses[hop] || 'unknown';
  };
}
