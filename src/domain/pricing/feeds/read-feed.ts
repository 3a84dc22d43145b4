import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createOutboundHttp, type OutboundHttp } from '../../../platform/outbound-http/outbound-http.ts';
import { BodyTooLarge, readWhole } from '../../../platform/outbound-http/read-whole.ts';
import type { ResolveHost } from '../../../platform/outbound-http/resolve-host.ts';
import type { FeedAddress } from './feed-addresses.ts';
import { FeedFailure } from './feed-failure.ts';

export interface FeedLimits {
  maxBytes: number;
  /** For the whole of a source, with its redirects. */
  timeoutMs: number;
  maxRedirects: number;
}

export const FEED_LIMITS: FeedLimits = { maxBytes: 32 * 1024 * 1024, timeoutMs: 30_000, maxRedirects: 5 };

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export interface ReadFeedOptions {
  limits?: FeedLimits;
  /** How names are resolved; by default by the system's name servers. */
  resolve?: ResolveHost | undefined;
  /** Aborted: the read is given up. */
  signal?: AbortSignal | undefined;
}

/** Without its query, which may hold a secret. */
export function describeLocation(location: string): string {
  if (!URL.canParse(location)) return location;
  const { origin, pathname } = new URL(location);
  return origin === 'null' ? location : origin + pathname;
}

function toText(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new FeedFailure('invalid', 'the answer is not UTF-8');
  }
}

/** The operator may name a private address, but nobody may redirect to one. */
async function download(
  { location, isOwn }: FeedAddress,
  { maxBytes, maxRedirects }: FeedLimits,
  open: (allowPrivate: boolean, allowHttp: boolean) => OutboundHttp,
  signal: AbortSignal,
): Promise<string> {
  const allowHttp = new URL(location).protocol === 'http:';
  let client = open(isOwn, isOwn && allowHttp);
  let url = location;
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const { statusCode, error, body, location: next } = await client.get(url, maxBytes, signal);
    if (body !== null) return toText(body);
    if (error !== null) throw new FeedFailure('unreachable', redirects === 0 ? error : `after a redirect, ${error}`);
    if (statusCode === null || !REDIRECTS.has(statusCode) || next === null || !URL.canParse(next, url)) {
      throw new FeedFailure('unreachable', `the answer has the status ${statusCode}`);
    }
    url = new URL(next, url).href;
    client = open(false, isOwn && allowHttp);
  }
  throw new FeedFailure('unreachable', `there were more than ${maxRedirects} redirects`);
}

async function readFile(path: string, { maxBytes }: FeedLimits, signal: AbortSignal): Promise<string> {
  try {
    // A pipe or a device could keep its reader for ever.
    if (!(await stat(path)).isFile()) throw new FeedFailure('unreachable', 'it is not a file');
    return toText(await readWhole(createReadStream(path, { signal }), maxBytes));
  } catch (error) {
    if (error instanceof FeedFailure) throw error;
    if (error instanceof BodyTooLarge) throw new FeedFailure('unreachable', error.message);
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unknown error';
    throw new FeedFailure('unreachable', `the file could not be read (${code})`);
  }
}

/**
 * The text of a source, whole.
 * @throws FeedFailure where it cannot be had within the limits
 */
export async function readFeed(feed: FeedAddress, options: ReadFeedOptions = {}): Promise<string> {
  const { limits = FEED_LIMITS, resolve } = options;
  const late = AbortSignal.timeout(limits.timeoutMs);
  const signal = options.signal ? AbortSignal.any([late, options.signal]) : late;
  if (!/^https?:/i.test(feed.location)) return readFile(feed.location, limits, signal);
  const opened: OutboundHttp[] = [];
  const open = (allowPrivate: boolean, allowHttp: boolean) => {
    const { timeoutMs } = limits;
    const client = createOutboundHttp({ allowPrivate, allowHttp, timeoutMs, ...(resolve ? { resolve } : {}) });
    opened.push(client);
    return client;
  };
  try {
    return await download(feed, limits, open, signal);
  } catch (error) {
    if (!late.aborted) throw error;
    throw new FeedFailure('unreachable', `no whole answer within ${limits.timeoutMs / 1000} s`);
  } finally {
    await Promise.all(opened.map((client) => client.close()));
  }
}
