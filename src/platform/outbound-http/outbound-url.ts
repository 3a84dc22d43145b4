import { isPublicAddress, literalAddress } from './public-address.ts';
import type { ResolveHost } from './resolve-host.ts';

/** Which URLs may be called. */
export interface OutboundRules {
  /** Whether `http:` is allowed beside `https:`. */
  allowHttp: boolean;
  /** Whether addresses that are not public are allowed. */
  allowPrivate: boolean;
}

const WEB_PORTS = new Set(['', '80', '443']);
const FIRST_FREE_PORT = 1024;
const PRIVATE = 'must not lead to a private, loopback, link-local or reserved address';

function isAllowedPort(port: string): boolean {
  return WEB_PORTS.has(port) || Number(port) >= FIRST_FREE_PORT;
}

/** What is wrong with a URL by itself; null where nothing is. The host's name is not looked up. */
export function problemWithUrl(text: string, rules: OutboundRules): string | null {
  if (!URL.canParse(text)) return 'must be a URL such as https://example.com/hook';
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(rules.allowHttp && url.protocol === 'http:')) {
    return rules.allowHttp ? 'must begin with https:// or http://' : 'must begin with https://';
  }
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or password';
  if (!isAllowedPort(url.port)) return 'must have port 80, 443 or one above 1023';
  const address = literalAddress(url.hostname);
  return address !== null && !rules.allowPrivate && !isPublicAddress(address) ? PRIVATE : null;
}

/**
 * The same, and whether the host's name leads to an address that is not allowed. A name that cannot be
 * resolved is fine: it may have addresses later, which are checked at each connection.
 */
export async function problemWithTarget(
  text: string,
  rules: OutboundRules,
  resolve: ResolveHost,
): Promise<string | null> {
  const problem = problemWithUrl(text, rules);
  if (problem !== null || rules.allowPrivate) return problem;
  const { hostname } = new URL(text);
  if (literalAddress(hostname) !== null) return null;
  const addresses = await resolve(hostname).catch(() => []);
  return addresses.every(isPublicAddress) ? null : PRIVATE;
}
