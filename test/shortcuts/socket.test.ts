import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { BODY_LIMIT_BYTES } from '../../src/platform/http/http-body.ts';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { EVENT, makeKey, makeOrganization, makeTeam } from '../harness/make.ts';
import { waitUntil } from '../harness/wait-until.ts';
import { askFetch, askSocket, type RawAnswer, type RawHeaders, type RawRequest, request } from './socket-requests.ts';

// The hot paths are answered straight from the socket. Each request is put to the server both ways,
// as two organizations that are alike: the answers may differ by nothing but their ids.

const OPERATOR_KEY = 'an-operator-key-that-is-long-enough';
const meterr = useTestApp({
  through: 'fetch',
  env: { METERR_OPERATOR_KEY: OPERATOR_KEY, METERR_CORS_ORIGINS: 'https://meterr.test' },
});

/**
 * Secrets by kind of key: those of one organization through `fetch`, of the other over the socket.
 */
type Keys = Record<string, string | null>;
let sides: { fetch: Keys; socket: Keys };
let port: number;

async function makeKeys(): Promise<Keys> {
  const organization = await makeOrganization(meterr());
  const team = await makeTeam(meterr(), organization, { name: 'Research' });
  const free = await makeOrganization(meterr(), { plan: 'free' });
  const keyOf = async (options: Parameters<typeof makeKey>[2]) => {
    // Keys are listed by their ids, which are of their milliseconds: so both sides have one order.
    const beforeMs = Date.now();
    await waitUntil('another millisecond', () => Date.now() > beforeMs);
    return (await makeKey(meterr(), organization, options)).secret;
  };
  return {
    owner: organization.key.secret,
    reader: await keyOf({ scopes: ['usage:read'] }),
    team: await keyOf({ team, scopes: ['usage:read', 'usage:write', 'budgets:write'] }),
    revoked: await keyOf({ revoked: true }),
    expired: await keyOf({ expiresAt: new Date(DEFAULT_NOW) }),
    free: free.key.secret,
    operator: OPERATOR_KEY,
    unknown: `mtr_live_${'x'.repeat(43)}`,
    none: null,
  };
}

beforeAll(async () => {
  sides = { fetch: await makeKeys(), socket: await makeKeys() };
  port = (await meterr().app.listen(0, '127.0.0.1')).port;
});

/** Of the connection, of a request's own, or of the time that it took. */
const OWN_HEADERS = ['date', 'x-request-id', 'content-length', 'connection', 'keep-alive', 'transfer-encoding'];
const TIMED_HEADERS = ['retry-after', 'x-ratelimit-reset'];
const IDS: readonly [RegExp, string][] = [
  // The audit log has where each side came from.
  [/"10\.0\.0\.[12]"/g, '"ADDRESS"'],
  [/\b([a-z]+)_[0-7][0-9a-hjkmnp-tv-z]{25}\b/g, '$1_ID'],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'UUID'],
  [/mtr_live_[\w-]{43,45}/g, 'SECRET'],
  [/whsec_[\w+/=]+/g, 'SECRET'],
  [/"(hint|next_cursor|cursor|endCursor|retry_after_seconds|retryAfterSeconds)":"?[^",}]*"?/g, '"$1":""'],
];

/** Of rows that the database itself says the time of. */
const TIMES = /"(created|updated|last_used|revoked)_?[aA]t":"[^"]*"/g;

/** As JSON where it is: the order of names says nothing. */
function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

function withoutIds({ status, headers, body }: RawAnswer) {
  const kept = Object.entries(headers).filter(([name]) => !OWN_HEADERS.includes(name));
  const named = kept.map(([name, value]) => [name, TIMED_HEADERS.includes(name) ? 'some' : value]);
  const text = IDS.reduce((named, [pattern, name]) => named.replace(pattern, name), body).replace(TIMES, '"$1":""');
  return { status, headers: Object.fromEntries(named), body: parse(text) };
}

type Masked = ReturnType<typeof withoutIds>;

interface Asked {
  fetch: Masked;
  socket: Masked;
}

let requests = 0;

/**
 * Puts the request both ways, with a key of the kind and, for the limit of failures, from an
 * address of its own.
 */
async function ask(raw: RawRequest, kind: string, scheme = 'Bearer '): Promise<Asked> {
  // Whatever is made is younger than what was made before.
  meterr().clock.set(Date.parse(DEFAULT_NOW) + ++requests);
  const headersOf = (key: string | null | undefined, address: string) => ({
    ...raw.headers,
    // The operator is one on both sides.
    ...(kind === 'operator' && raw.headers['idempotency-key']
      ? { 'idempotency-key': `${raw.headers['idempotency-key']} ${address}` }
      : {}),
    'x-forwarded-for': address,
    ...(key ? { authorization: scheme + key } : {}),
  });
  const viaFetch = { ...raw, headers: headersOf(sides.fetch[kind], '10.0.0.1') };
  const viaSocket = { ...raw, headers: headersOf(sides.socket[kind], '10.0.0.2') };
  const origin = `http://127.0.0.1:${port}`;
  return {
    fetch: withoutIds(await askFetch(meterr().app.fetch, origin, viaFetch, '10.0.0.1')),
    socket: withoutIds(await askSocket(port, viaSocket)),
  };
}

function post(path: string, body: Uint8Array | string, headers: RawHeaders = {}): RawRequest {
  const sent = { 'content-type': 'application/json', ...headers };
  return { method: 'POST', path, headers: sent, body: Uint8Array.from(Buffer.from(body)), isChunked: false };
}

describe('a request over a socket', () => {
  it('is answered with the status, headers and body of `fetch`, whatever is asked by whom', async () => {
    const kind = fc.oneof({ weight: 6, arbitrary: fc.constant('owner') }, fc.constantFrom(...Object.keys(sides.fetch)));
    const scheme = fc.oneof({ weight: 9, arbitrary: fc.constant('Bearer ') }, fc.constantFrom('bearer ', 'Basic ', ''));
    const statuses = new Set<number>();
    await fc.assert(
      fc.asyncProperty(request, kind, scheme, async (raw, who, how) => {
        const { fetch, socket } = await ask(raw, who, how);
        expect(socket).toEqual(fetch);
        statuses.add(socket.status);
      }),
      { numRuns: 500, endOnFailure: true },
    );
    for (const status of [200, 201, 400, 401, 403, 404, 405, 415]) expect(statuses).toContain(status);
  });

  it.each(['/v1/usage', '/v1/budgets', '/v1/traces', '/graphql'])(
    'whose body is beyond the limit of %s is 413 and the end of the connection, declared or in pieces',
    async (path) => {
      for (const isChunked of [false, true]) {
        const body = Buffer.alloc(BODY_LIMIT_BYTES * 11, ' ');
        const raw = { ...post(path, body), isChunked };
        const { fetch, socket } = await ask(raw, 'owner');
        expect(socket.status).toBe(413);
        expect(socket).toEqual(fetch);
      }
    },
  );

  it('whose body is gzip is read all the same', async () => {
    for (const body of [gzipSync(JSON.stringify(EVENT)), gzipSync('not JSON'), Buffer.from('not gzip')]) {
      const { fetch, socket } = await ask(post('/v1/usage', body, { 'content-encoding': 'gzip' }), 'owner');
      expect(socket).toEqual(fetch);
    }
  });

  it('for a batch is answered alike, event by event', async () => {
    const events = [
      { ...EVENT, id: 'é' },
      { ...EVENT, id: 'é' },
      { ...EVENT, model: 7 },
      { provider: 'x' },
      EVENT,
      null,
    ];
    for (const body of [{ events }, { events: [] }, { events: Array.from({ length: 1_001 }, () => EVENT) }]) {
      const { fetch, socket } = await ask(post('/v1/usage', JSON.stringify(body)), 'owner');
      expect(socket).toEqual(fetch);
    }
  });

  it('of a page on an allowed origin may be read by it, and of another may not', async () => {
    for (const [origin, allowed] of [
      ['https://meterr.test', 'https://meterr.test'],
      ['https://evil.test', undefined],
    ] as const) {
      for (const path of ['/v1/usage', '/graphql']) {
        const { fetch, socket } = await ask(post(path, JSON.stringify(EVENT), { origin }), 'owner');
        expect(socket.headers['access-control-allow-origin']).toBe(allowed);
        expect(socket).toEqual(fetch);
      }
    }
  });

  // Node keeps the first of these headers where they come twice, and the web joins them, so that
  // neither is valid.
  it.each([
    ['its key', (key: string) => ({ authorization: [`Bearer ${key}`, `Bearer ${key}`] })],
    ['its type', () => ({ 'content-type': ['application/json', 'text/plain'] })],
  ])('that says %s twice is refused, as by `fetch`', async (name, twice) => {
    const raw = post('/v1/usage', JSON.stringify(EVENT), twice(sides.socket.owner ?? ''));
    const { fetch, socket } = await ask(raw, name === 'its key' ? 'none' : 'owner');
    expect(fetch.status).toBeGreaterThanOrEqual(400);
    expect(socket).toEqual(fetch);
  });
});
