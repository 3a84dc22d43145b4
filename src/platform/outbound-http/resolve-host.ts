import { lookup, Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';

/** Every address that a name has now; rejects where it has none. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>;

const TIMEOUT_MS = 2_000;
const TRIES = 2;
/** The name has no such record, or there is no name server: the system may know it all the same. */
const MAY_BE_LOCAL = new Set(['ENOTFOUND', 'ENODATA', 'ECONNREFUSED', 'EBADNAME', 'EBADQUERY']);

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : '');

/**
 * Asks name servers on sockets. The system's own resolver would have one of Node's four threads
 * until the answer comes, so four names with slow servers would stop everything else that needs a
 * thread. It is asked only for what name servers do not know, such as the lines of /etc/hosts.
 */
export async function resolveHost(hostname: string): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (found.length > 0) return found;
  for (const answer of answers) {
    if (answer.status === 'rejected' && !MAY_BE_LOCAL.has(codeOf(answer.reason))) throw answer.reason;
  }
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}

/**
 * A `lookup` for sockets that gives the addresses of a name only where every one of them is allowed:
 * a socket that fails at one address would try the next.
 */
export function guardedLookup(
  resolve: ResolveHost,
  isAllowed: (address: string) => boolean,
  refusal: () => Error,
): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const all = addresses.map((address) => ({ address, family: isIP(address) }));
        const [first] = all;
        if (!first || !addresses.every(isAllowed)) callback(refusal(), '', 0);
        else if (options.all) callback(null, all);
        else callback(null, first.address, first.family);
      },
      (error) => callback(error, '', 0),
    );
  };
}
