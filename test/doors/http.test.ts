import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../src/rest/app.ts';
import { createTestApp, useTestApp } from '../harness/app.ts';
import { EVENT } from '../harness/make.ts';

const meterr = useTestApp();

const MIB = 1_048_576;
/** What a client and the kernel may have taken from a stream that nobody reads any more. */
const IN_BUFFERS = 10 * MIB;

/** A body of unknown length, in chunks of 64 KiB; `pulled` counts what was taken of it. */
function streamOf(bytes: number) {
  let sent = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (sent >= bytes) return controller.close();
        const size = Math.min(65_536, bytes - sent);
        sent += size;
        controller.enqueue(new Uint8Array(size).fill(0x20));
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, pulled: () => sent };
}

describe('every failure is an envelope with a code, and nothing else', () => {
  it.each<[string, [string, string, object?], number, string]>([
    ['malformed JSON', ['POST', '/v1/usage', { body: '{"provider": ' }], 400, 'invalid_request'],
    ['an empty body', ['POST', '/v1/usage', { body: '' }], 400, 'invalid_request'],
    ['a list as the body', ['POST', '/v1/usage', { body: '[]' }], 400, 'invalid_request'],
    ['null as the body', ['POST', '/v1/usage', { body: 'null' }], 400, 'invalid_request'],
    ['JSON a hundred thousand deep', ['POST', '/v1/usage', { body: '['.repeat(100_000) }], 400, 'invalid_request'],
    [
      'no content type',
      ['POST', '/v1/usage', { body: '{}', headers: { 'content-type': '' } }],
      415,
      'unsupported_media_type',
    ],
    [
      'a form',
      ['POST', '/v1/usage', { body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
      415,
      'unsupported_media_type',
    ],
    [
      'an unknown content coding',
      ['POST', '/v1/usage', { body: '{}', headers: { 'content-encoding': 'br' } }],
      415,
      'unsupported_media_type',
    ],
    ['an unknown path', ['GET', '/v1/nothing'], 404, 'not_found'],
    ['the root', ['GET', '/'], 404, 'not_found'],
    ['a path with a broken escape', ['GET', '/v1/usage/%E0%A4%A'], 404, 'not_found'],
    ['an id that is none', ['GET', '/v1/usage/usage_hello'], 404, 'not_found'],
    ['an id of another kind', ['GET', '/v1/usage/team_01h455vb4pex5vsknk084sn02q'], 404, 'not_found'],
    ['a wrong method', ['DELETE', '/v1/usage'], 405, 'method_not_allowed'],
    ['a wrong method on an id', ['PUT', '/v1/usage/usage_01h455vb4pex5vsknk084sn02q'], 405, 'method_not_allowed'],
    ['an unknown health check', ['GET', '/health/nothing'], 404, 'not_found'],
  ])('%s', async (_, [method, path, options], status, code) => {
    const answer = await meterr().rest(method, path, options);
    expect({ status: answer.status, code: answer.error?.code }).toEqual({ status, code });
    expect(answer.body).toEqual({ error: { code, message: expect.any(String), details: expect.any(Object) } });
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

const methodsByPath = [...Map.groupBy(ROUTES, ({ definition }) => definition.path)].map(([path, routes]) => {
  const methods = routes.map(({ definition }) => definition.method.toUpperCase());
  return { path, allowed: methods.includes('GET') ? [...methods, 'HEAD'] : methods };
});

it.each(methodsByPath)(
  '405 on $path names the methods that there are, and no id is looked for',
  async ({ path, allowed }) => {
    const url = path.replace('{id}', 'x');
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((one) => !allowed.includes(one))) {
      const { status, headers } = await meterr().rest(method, url);
      expect({ method, status }).toEqual({ method, status: 405 });
      expect(headers.get('allow')?.split(', ').sort()).toEqual(allowed.toSorted());
    }
  },
);

it('HEAD is GET without the body', async () => {
  const answer = await meterr().rest('HEAD', '/v1/usage');
  expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '' });
});

it('a charset or another parameter of the content type is no matter', async () => {
  const headers = { 'content-type': 'Application/JSON; charset=utf-8' };
  expect((await meterr().rest('POST', '/v1/usage', { body: EVENT, headers })).status).toBe(201);
});

describe('a body that is too large is 413', () => {
  it('where its length is declared: before it is read', async () => {
    const { stream, pulled } = streamOf(50 * MIB);
    const headers = { 'content-length': String(50 * MIB) };
    const { status, error } = await meterr().rest('POST', '/v1/usage', { body: stream, headers });
    expect({ status, code: error?.code }).toEqual({ status: 413, code: 'payload_too_large' });
    expect(pulled()).toBeLessThan(IN_BUFFERS);
  });

  it('where it comes in chunks: as soon as it is over the limit', async () => {
    const { stream, pulled } = streamOf(50 * MIB);
    const { status, error } = await meterr().rest('POST', '/v1/usage', { body: stream });
    expect({ status, code: error?.code }).toEqual({ status: 413, code: 'payload_too_large' });
    expect(pulled()).toBeLessThan(IN_BUFFERS);
  });

  it('where it is gzip that unfolds into more', async () => {
    const { gzipSync } = await import('node:zlib');
    const body = new Uint8Array(gzipSync(Buffer.alloc(5 * MIB, 0x20)));
    const { status } = await meterr().rest('POST', '/v1/usage', { body, headers: { 'content-encoding': 'gzip' } });
    expect(status).toBe(413);
  });

  it('and one of exactly 1 MiB is not', async () => {
    const text = JSON.stringify({ ...EVENT, id: 'large' });
    const body = text.padEnd(MIB, ' ');
    expect((await meterr().rest('POST', '/v1/usage', { body })).status).toBe(201);
    expect((await meterr().rest('POST', '/v1/usage', { body: `${body} ` })).status).toBe(413);
  });
});

describe('X-Request-Id', () => {
  it('is on every answer of every kind, another each time', async () => {
    const { fetch, adminKey } = meterr();
    const authorization = `Bearer ${adminKey}`;
    const ids = new Set<string | null>();
    const requests: [string, RequestInit?][] = [
      ['/v1/me', { headers: { authorization } }],
      ['/v1/me'],
      ['/v1/usage', { method: 'DELETE' }],
      ['/nothing'],
      ['/docs'],
      ['/v1/openapi.json'],
      ['/health/live'],
      ['/health/ready'],
      ['/graphql', { headers: { accept: 'text/html' } }],
      ['/graphql?query={me{scopes}}', { headers: { authorization } }],
      ['/graphql', { method: 'PUT' }],
      [
        '/v1/usage',
        { method: 'OPTIONS', headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' } },
      ],
    ];
    for (const [path, init] of requests) {
      const response = await fetch(path, init);
      expect(response.headers.get('x-request-id'), path).toMatch(/^[0-9a-f-]{36}$/);
      ids.add(response.headers.get('x-request-id'));
      await response.text();
    }
    expect(ids.size).toBe(requests.length);
  });
});

describe('CORS', () => {
  const preflight = {
    method: 'OPTIONS',
    headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' },
  };

  it('is open to every page by default, but never with cookies', async () => {
    const { fetch } = meterr();
    for (const path of ['/v1/usage', '/graphql', '/v1/openapi.json']) {
      const { status, headers } = await fetch(path, preflight);
      expect(status).toBe(204);
      expect(headers.get('access-control-allow-origin')).toBe('*');
      expect(headers.get('access-control-allow-credentials')).toBeNull();
      for (const name of ['authorization', 'content-type', 'idempotency-key']) {
        expect(headers.get('access-control-allow-headers')?.toLowerCase()).toContain(name);
      }
      for (const name of ['GET', 'POST', 'PATCH', 'DELETE']) {
        expect(headers.get('access-control-allow-methods')).toContain(name);
      }
    }
  });

  it('lets a page read the limits and the request id, on failures too', async () => {
    const { headers } = await meterr().fetch('/v1/me', { headers: { origin: 'https://a.example' } });
    expect(headers.get('access-control-allow-origin')).toBe('*');
    const exposed = headers.get('access-control-expose-headers')?.toLowerCase();
    for (const name of [
      'x-request-id',
      'x-ratelimit-limit',
      'x-ratelimit-remaining',
      'x-ratelimit-reset',
      'retry-after',
      'idempotent-replayed',
    ]) {
      expect(exposed).toContain(name);
    }
  });

  it('says nothing to requests that no page made', async () => {
    expect((await meterr().fetch('/v1/me')).headers.get('access-control-allow-origin')).toBeNull();
  });

  it('is for the configured pages only, where there are some', async () => {
    const env = { METERR_CORS_ORIGINS: 'https://a.example, https://b.example' };
    const { fetch, close } = await createTestApp({ env });
    const allowed = async (origin: string) =>
      (await fetch('/v1/me', { headers: { origin } })).headers.get('access-control-allow-origin');
    const seen = [await allowed('https://b.example'), await allowed('https://c.example')];
    await close();
    expect(seen).toEqual(['https://b.example', null]);
  });
});

describe('without a key', () => {
  it('the OpenAPI document, the reference and its files are served, and refer to no other host', async () => {
    const { fetch } = meterr();
    const document = await (await fetch('/v1/openapi.json')).json();
    expect(document).toMatchObject({ openapi: expect.stringMatching(/^3\.1/), info: { title: 'Meterr' } });
    const page = await (await fetch('/docs')).text();
    const files = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '');
    expect(files.length).toBeGreaterThan(0);
    for (const url of files) {
      // Relative, so that a proxy may serve it all under a path of its own.
      expect(url).not.toMatch(/^(?:\/|[a-z]+:)/);
      expect((await fetch(new URL(url, 'http://meterr.invalid/docs').pathname)).status).toBe(200);
    }
  });

  it('GraphiQL is served to browsers, whole: it loads nothing from elsewhere', async () => {
    const response = await meterr().fetch('/graphql', { headers: { accept: 'text/html,*/*' } });
    const page = await response.text();
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(page).not.toMatch(/<(script|link)[^>]+(src|href)="https?:/);
  });

  it('health is known: alive, and ready while the database answers', async () => {
    const { fetch } = meterr();
    expect((await fetch('/health/live')).status).toBe(200);
    expect((await fetch('/health/ready')).status).toBe(200);
  });
});

it('an answer that shows a secret is kept by no cache, in both doors', async () => {
  const operator = 'operator-key-of-the-tests';
  const app = await createTestApp({ env: { METERR_OPERATOR_KEY: operator } });
  const body = { name: 'Secret' };
  const made = await app.rest('POST', '/v1/organizations', { key: operator, body });
  const query = 'mutation { createOrganization(input: {name: "Secret"}) { apiKey { secret } } }';
  const answers = [made, await app.gql(query, null, { key: operator }), await app.gql(query, null, { key: operator })];
  await app.close();
  expect(answers.map(({ headers }) => headers.get('cache-control'))).toEqual(['no-store', 'no-store', 'no-store']);
  expect(made.text).toContain('mtr_live_');
});
