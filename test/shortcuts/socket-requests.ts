import { request as httpRequest, type OutgoingHttpHeaders } from 'node:http';
import fc from 'fast-check';
import { ROUTES } from '../../src/rest/app.ts';
import { OPERATIONS } from '../harness/operations.ts';

// Requests good and bad, and the two ways to put one to a server.

/** By lower-case name; a list is the same header several times. */
export type RawHeaders = Record<string, string | string[]>;

/** A request before it has a caller. */
export interface RawRequest {
  method: string;
  path: string;
  headers: RawHeaders;
  body: Uint8Array<ArrayBuffer> | null;
  /** Sent in pieces of unknown total length. */
  isChunked: boolean;
}

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Over a socket, as it is: nothing is added but what HTTP/1.1 needs. */
export function askSocket(port: number, raw: RawRequest): Promise<RawAnswer> {
  const { method, path, body, isChunked } = raw;
  const headers: OutgoingHttpHeaders = { ...raw.headers };
  if (body && !isChunked) headers['content-length'] = String(body.length);
  if (body && isChunked) headers['transfer-encoding'] = 'chunked';
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ port, host: '127.0.0.1', method, path, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const entries = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: incoming.statusCode ?? 0, headers: Object.fromEntries(entries), body: text });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body ?? undefined);
  });
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}

/** The same request as the web has it. */
export async function askFetch(
  fetch: (request: Request, address: string) => Promise<Response>,
  origin: string,
  { method, path, headers, body, isChunked }: RawRequest,
  address: string,
): Promise<RawAnswer> {
  const sentHeaders = new Headers();
  for (const [name, values] of Object.entries(headers)) {
    for (const value of [values].flat()) sentHeaders.append(name, value);
  }
  if (body && !isChunked) sentHeaders.set('content-length', String(body.length));
  const sent = body === null ? null : isChunked ? streamOf(body) : body;
  const init = { method, headers: sentHeaders, body: sent, duplex: 'half' };
  const response = await fetch(new Request(origin + path, init), address);
  // HTTP sends none.
  const text = method === 'HEAD' ? '' : await response.text();
  const entries = [...response.headers].map(([name, value]) => [name.toLowerCase(), value]);
  return { status: response.status, headers: Object.fromEntries(entries), body: text };
}

const encode = (text: string) => Uint8Array.from(Buffer.from(text));
const NO_BODY = new Set(['GET', 'HEAD', 'OPTIONS']);
const pathsOf = (method: string) =>
  ROUTES.filter(({ definition }) => definition.method === method).map(({ definition: { path } }) => path);
const fixedPosts = pathsOf('post').filter((path) => !path.includes('{'));

/** A body of an operation at this path, or of another one. */
function goodBodyFor(path: string): fc.Arbitrary<object> {
  const isGraphQL = path.startsWith('/graphql');
  const own = OPERATIONS.flatMap(({ rest, graphql }) => {
    if (isGraphQL) return [graphql];
    return rest.body && rest.path === path ? [rest.body] : [];
  });
  const all = OPERATIONS.flatMap(({ rest }) => (rest.body ? [rest.body] : []));
  return own.length > 0
    ? fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...own) }, fc.constantFrom(...all))
    : fc.constantFrom(...all);
}

const WRONG = [null, '', 'text', 0, -1, 1.5, 10 ** 20, true, [], {}, [null], '9'.repeat(40)] as const;

/**
 * The same body with a field that is wrong, missing or not known, or as a text that is not quite
 * JSON.
 */
function bodyFor(path: string): fc.Arbitrary<string | Uint8Array<ArrayBuffer>> {
  const spoiled = fc.tuple(goodBodyFor(path), fc.nat(), fc.constantFrom(...WRONG)).map(([body, at, wrong]) => {
    const names = [...Object.keys(body), 'id', 'not_a_field', 'operationName', 'extensions'];
    return JSON.stringify({ ...body, [names[at % names.length] ?? '']: wrong });
  });
  const identified = fc
    .tuple(goodBodyFor(path), fc.constantFrom('a', 'b', 'é'))
    .map(([body, id]) => JSON.stringify({ ...body, id }));
  const cut = fc.tuple(goodBodyFor(path), fc.nat(100)).map(([body, percent]) => {
    const text = JSON.stringify(body);
    return text.slice(0, Math.floor((text.length * percent) / 100));
  });
  return fc.oneof(
    { weight: 6, arbitrary: goodBodyFor(path).map((body) => JSON.stringify(body)) },
    { weight: 3, arbitrary: identified },
    { weight: 3, arbitrary: spoiled },
    cut,
    fc.constantFrom(
      '',
      ' ',
      'null',
      '[]',
      '[{}]',
      '{}',
      '"text"',
      '{"a":1}{"b":2}',
      '\ufeff{}',
      '{"user_id":"\ud83d\ude00"}',
    ),
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Uint8Array.from(bytes)),
  );
}

/** Headers that are sent now and then: each missing, usual, or odd. */
const headers: fc.Arbitrary<Record<string, string>> = fc
  .record({
    'content-type': fc.oneof(
      { weight: 8, arbitrary: fc.constant('application/json') },
      fc.constantFrom(
        'application/json; charset=utf-8',
        'Application/JSON',
        'text/plain',
        'application/x-ndjson',
        '',
        null,
      ),
      fc.constantFrom(
        'application/x-protobuf',
        'application/graphql',
        'multipart/form-data; boundary=x',
        'application/json5',
      ),
    ),
    'content-encoding': fc.oneof(
      { weight: 8, arbitrary: fc.constant(null) },
      fc.constantFrom('identity', 'Identity', 'gzip', 'br', ''),
    ),
    'idempotency-key': fc.oneof(
      { weight: 5, arbitrary: fc.constant(null) },
      fc.constantFrom('one', 'two', '', 'x'.repeat(300)),
    ),
    origin: fc.oneof(
      { weight: 3, arbitrary: fc.constant(null) },
      fc.constantFrom('https://meterr.test', 'https://evil.test', 'null'),
    ),
    accept: fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(null, '*/*') },
      fc.constantFrom('application/json', 'text/html', 'application/graphql-response+json', 'application/x-ndjson', ''),
    ),
  })
  .map((given) =>
    Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== null)),
  );

const target: fc.Arbitrary<{ method: string; path: string }> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...fixedPosts).map((path) => ({ method: 'POST', path })) },
  { weight: 4, arbitrary: fc.constant({ method: 'POST', path: '/graphql' }) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...fixedPosts, '/graphql'),
        fc.constantFrom('/', '?', '?limit=1', '?a=%ZZ', '//', '%20', '/..', '/x'),
      )
      .map(([path, more]) => ({ method: 'POST', path: path + more })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...OPERATIONS.map(({ rest }) => rest)).map(({ method, url }) => ({ method, path: url })),
  },
  fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
    path: fc.constantFrom(...fixedPosts, '/graphql', '/', '/V1/usage', '//v1/usage', '/%761/usage', '/health/live'),
  }),
);

/** Requests of every kind, those of the fixed paths above all. */
export const request: fc.Arbitrary<RawRequest> = target.chain(({ method, path }) =>
  fc
    .record({
      headers,
      body: bodyFor(path.split('?')[0] ?? ''),
      isChunked: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.boolean()),
    })
    .map((rest) => {
      const body = NO_BODY.has(method) ? null : typeof rest.body === 'string' ? encode(rest.body) : rest.body;
      return { method, path, ...rest, body };
    }),
);
