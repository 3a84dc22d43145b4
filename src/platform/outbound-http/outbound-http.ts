import { Agent, buildConnector, type Dispatcher } from 'undici';
import { explainFailure, OutboundRefusal } from './outbound-failure.ts';
import { type OutboundRules, problemWithTarget, problemWithUrl } from './outbound-url.ts';
import { isPublicAddress, literalAddress } from './public-address.ts';
import { readStart } from './read-start.ts';
import { BodyTooLarge, readWhole } from './read-whole.ts';
import { guardedLookup, type ResolveHost, resolveHost } from './resolve-host.ts';

/** What became of a POST. Exactly one of `statusCode` and `error` is set. */
export interface OutboundAnswer {
  statusCode: number | null;
  /** Why there was no answer, in words that may be shown to whoever chose the URL. */
  error: string | null;
  /** The first KiB of the body, as text; null without an answer. */
  text: string | null;
  retryAfter: string | null;
  durationMs: number;
}

/** What became of a GET. `body` is set where the status is 200, and nothing went wrong. */
export interface OutboundDownload {
  statusCode: number | null;
  /** Why there is no whole answer. */
  error: string | null;
  body: Buffer | null;
  /** The header of that name, which a redirect has. */
  location: string | null;
}

/** Calls URLs that customers choose. */
export interface OutboundHttp {
  /** What is wrong with a URL as a target; null where nothing is. */
  problemWith(url: string): Promise<string | null>;
  /**
   * Sends a body to a URL. It never rejects. No redirect is followed. A 2xx that arrives in time is
   * an answer even where its body is late.
   * @param signal aborted: the call is given up
   */
  post(url: string, headers: Record<string, string>, body: Buffer, signal?: AbortSignal): Promise<OutboundAnswer>;
  /**
   * Reads what is at a URL, whole, within the time that a call may take. It never rejects. No
   * redirect is followed.
   * @param maxBytes a longer body is given up
   */
  get(url: string, maxBytes: number, signal?: AbortSignal): Promise<OutboundDownload>;
  /** Closes all connections at once. */
  close(): Promise<void>;
}

export interface OutboundOptions extends OutboundRules {
  /** How long a POST may take until its status is there, and a GET until its body is. */
  timeoutMs: number;
  /** How names are resolved; by default by the system's name servers. */
  resolve?: ResolveHost;
}

const MAX_HEADER_BYTES = 16 * 1024;
const KEEP_ALIVE_MS = 10_000;

/**
 * Makes a client that only reaches what the rules allow. A URL's own address is checked before each
 * connection, because a socket never looks an address up; a name's addresses are checked in the very
 * look-up that the socket connects by, so that a name cannot change in between.
 */
export function createOutboundHttp(options: OutboundOptions): OutboundHttp {
  const { allowPrivate, timeoutMs, resolve = resolveHost } = options;
  const isAllowed = (address: string) => allowPrivate || isPublicAddress(address);
  const connectTo = buildConnector({
    allowH2: false,
    timeout: timeoutMs,
    lookup: guardedLookup(resolve, isAllowed, () => new OutboundRefusal()),
  });
  const connect: buildConnector.connector = (target, callback) => {
    const address = literalAddress(target.hostname);
    if (address !== null && !isAllowed(address)) callback(new OutboundRefusal(), null);
    else connectTo(target, callback);
  };
  const agent = new Agent({
    connect,
    // As many as are asked for at a time, which the caller limits: whoever shares an origin with a URL
    // that hangs must not wait for it.
    connections: null,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
  });

  async function download(url: string, maxBytes: number, signal: AbortSignal): Promise<OutboundDownload> {
    const { origin, pathname, search } = new URL(url);
    const headers = { accept: 'application/json, text/plain', 'user-agent': 'meterr' };
    const answer = await agent.request({ method: 'GET', headers, signal, origin, path: pathname + search });
    const { statusCode, body } = answer;
    const { location } = answer.headers;
    const kept = { statusCode, error: null, location: typeof location === 'string' ? location : null };
    if (statusCode === 200) return { ...kept, body: await readWhole(body, maxBytes) };
    body.on('error', () => {}).destroy();
    return { ...kept, body: null };
  }

  async function send(url: string, request: Omit<Dispatcher.RequestOptions, 'origin' | 'path'>) {
    const { origin, pathname, search } = new URL(url);
    const { statusCode, headers, body } = await agent.request({ ...request, origin, path: pathname + search });
    const text = await readStart(body);
    const retryAfter = headers['retry-after'];
    return { statusCode, error: null, text, retryAfter: typeof retryAfter === 'string' ? retryAfter : null };
  }

  return {
    problemWith: (url) => problemWithTarget(url, options, resolve),
    async post(url, headers, body, signal) {
      const startedMs = performance.now();
      const durationMs = () => Math.round(performance.now() - startedMs);
      const refused = problemWithUrl(url, options);
      if (refused !== null) {
        return {
          statusCode: null,
          error: `the URL ${refused}`,
          text: null,
          retryAfter: null,
          durationMs: durationMs(),
        };
      }
      const ending = new AbortController();
      const timer = setTimeout(() => ending.abort(), timeoutMs);
      const stop = () => ending.abort();
      signal?.addEventListener('abort', stop, { once: true });
      if (signal?.aborted) stop();
      try {
        const answer = await send(url, { method: 'POST', headers, body, signal: ending.signal });
        return { ...answer, durationMs: durationMs() };
      } catch (error) {
        const why = ending.signal.aborted ? `no answer within ${timeoutMs / 1000} s` : explainFailure(error);
        return { statusCode: null, error: why, text: null, retryAfter: null, durationMs: durationMs() };
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', stop);
      }
    },
    async get(url, maxBytes, signal) {
      const failed = (error: string) => ({ statusCode: null, error, body: null, location: null });
      const refused = problemWithUrl(url, options);
      if (refused !== null) return failed(`the URL ${refused}`);
      const late = AbortSignal.timeout(timeoutMs);
      try {
        return await download(url, maxBytes, signal ? AbortSignal.any([late, signal]) : late);
      } catch (error) {
        if (late.aborted) return failed(`no whole answer within ${timeoutMs / 1000} s`);
        if (signal?.aborted) return failed('the call was given up');
        return failed(error instanceof BodyTooLarge ? error.message : explainFailure(error));
      }
    },
    close: () => agent.destroy(),
  };
}
