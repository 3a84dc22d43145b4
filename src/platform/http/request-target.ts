import type { IncomingMessage } from 'node:http';

/** A registered name, an IPv4 address, or an IPv6 address in brackets; a port may follow. */
const HOST = /^(?:\[[0-9a-f:.]+\]|[\w.~%-]+)(?::\d*)?$/i;

/** Most requests name the same host, so the last valid one is not checked again. */
let knownHost = 'localhost';

/**
 * Whether a request names its host as HTTP wants it: once, in a form that a URL can have. HTTP/1.0
 * may leave it out, as the health checks of load balancers do.
 */
export function hasValidHost({ headers: { host }, httpVersion }: IncomingMessage): boolean {
  if (host === undefined) return httpVersion === '1.0';
  if (host === knownHost) return true;
  if (!HOST.test(host) || !URL.canParse(`http://${host}/`)) return false;
  knownHost = host;
  return true;
}

/** Whether a header came more than once in a request that names it. */
export function isRepeated({ rawHeaders }: IncomingMessage, name: string): boolean {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.toLowerCase() === name) count++;
  return count > 1;
}

/** Whether a request asks for a WebSocket at `path`; every other upgrade is answered as HTTP/1.1. */
export function asksForWebSocket({ headers, url = '', method }: IncomingMessage, path: string): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && url.split('?', 1)[0] === path;
}
