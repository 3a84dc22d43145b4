import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createTestApp, useTestApp } from '../harness/app.ts';

const meterr = useTestApp();
const HTML = { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } };

function policyOf(headers: Headers): Map<string, string> {
  const policy = headers.get('content-security-policy') ?? '';
  return new Map(
    policy.split('; ').map((one) => {
      const [name = '', ...values] = one.split(' ');
      return [name, values.join(' ')] as const;
    }),
  );
}

describe('pages', () => {
  it.each(['/', '/docs', '/graphql'])(
    '%s runs its own scripts only, is framed by nobody, and loads nothing',
    async (path) => {
      const response = await meterr().fetch(path, HTML);
      const page = await response.text();
      expect(response.status).toBe(200);
      const policy = policyOf(response.headers);
      expect(policy.get('default-src')).toBe("'none'");
      expect(policy.get('frame-ancestors')).toBe("'none'");
      expect(policy.get('script-src')).not.toMatch(/unsafe/);
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(response.headers.get('x-frame-options')).toBe('DENY');
      expect(page).not.toMatch(/<(script|link|img)[^>]+(src|href)="(https?:)?\/\//);
      for (const [, script = ''] of page.matchAll(/<script>([\s\S]*?)<\/script>/g)) {
        expect(policy.get('script-src')).toContain(createHash('sha256').update(script).digest('base64'));
      }
    },
  );

  it('/ says what runs here, with links that lead somewhere and a curl line for this address', async () => {
    const { fetch } = meterr();
    const response = await fetch('/', HTML);
    const page = await response.text();
    expect(page).toContain('Meterr');
    expect(page).toContain(`curl ${new URL(response.url || 'http://meterr.test').origin}/v1/usage`);
    // Relative, because a proxy may serve the page below a prefix.
    const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, link = '']) => `/${link}`);
    expect(links).toEqual(expect.arrayContaining(['/docs', '/graphql', '/v1/openapi.json']));
    for (const link of links) expect((await fetch(link, HTML)).status).toBe(200);
  });

  it('GraphiQL takes the key in a field of its own, and has no field whose content it would store', async () => {
    const page = await (await meterr().fetch('/graphql', HTML)).text();
    expect(page).toMatch(/<input id="key" type="password"/);
    expect(page).toContain('"shouldPersistHeaders":false');
    expect(page).toContain('"isHeadersEditorEnabled":false');
  });

  it('the reference forgets the key with the page, and asks no validator elsewhere', async () => {
    const script = await (await meterr().fetch('/docs/start.js')).text();
    expect(script).toContain('persistAuthorization: false');
    expect(script).toContain('validatorUrl: null');
  });
});

describe('405 names the methods of every path', () => {
  it.each([
    ['/', 'GET, HEAD'],
    ['/docs', 'GET, HEAD'],
    ['/docs/start.js', 'GET, HEAD'],
    ['/v1/openapi.json', 'GET, HEAD'],
    ['/health/live', 'GET, HEAD'],
    ['/health/ready', 'GET, HEAD'],
    ['/metrics', 'GET, HEAD'],
    ['/graphql', 'GET, POST'],
    ['/v1/usage/holds', 'POST'],
  ])('%s takes %s', async (path, allow) => {
    const { status, headers, error } = await meterr().rest('PUT', path);
    expect(status).toBe(405);
    const allowed = headers.get('allow')?.split(', ') ?? [];
    for (const method of allow.split(', ')) expect(allowed).toContain(method);
    expect(allowed).not.toContain('PUT');
    if (path !== '/graphql') expect(error?.code).toBe('method_not_allowed');
  });
});

describe('/metrics', () => {
  const OPERATOR_KEY = 'operator-key-of-this-test';

  it('is for the operator key only: 401 invalid_api_key for everybody else', async () => {
    const { rest, close, adminKey } = await createTestApp({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY } });
    for (const key of [null, adminKey, 'something-else']) {
      const { status, error } = await rest('GET', '/metrics', { key });
      expect({ status, code: error?.code }).toEqual({ status: 401, code: 'invalid_api_key' });
    }
    const { status, headers } = await rest('GET', '/metrics', { key: OPERATOR_KEY });
    await close();
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  });

  it('counts answers by route template and status, commits by size; paths of callers are no labels', async () => {
    const { rest, ok, close } = await createTestApp({ env: { METERR_METRICS_OPEN: 'true' } });
    const event = { provider: 'openai', model: 'gpt-4o', input_tokens: 1, output_tokens: 1 };
    await ok('POST', '/v1/usage', { body: event });
    await ok('POST', '/v1/usage', { body: { events: [event, event, event] } });
    await rest('POST', '/v1/usage', { body: {} });
    for (const id of ['one', 'two']) await rest('GET', `/v1/usage/usage_${id}`);
    for (const path of ['/a-path-of-a-caller', '/v1/another']) await rest('GET', path);
    await rest('POST', '/graphql', { body: { query: '{ __typename }' } });
    const { text } = await rest('GET', '/metrics', { key: null });
    await close();
    const lines = text.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'meterr_http_requests_total{method="POST",route="/v1/usage",status="201"} 1',
        'meterr_http_requests_total{method="POST",route="/v1/usage",status="200"} 1',
        'meterr_http_requests_total{method="POST",route="/v1/usage",status="400"} 1',
        'meterr_http_requests_total{method="GET",route="/v1/usage/{id}",status="404"} 2',
        'meterr_http_requests_total{method="GET",route="none",status="404"} 2',
        'meterr_http_requests_total{method="POST",route="/graphql",status="200"} 1',
        'meterr_http_request_seconds_count{method="POST",route="/v1/usage"} 3',
        'meterr_commit_events_bucket{le="1"} 1',
        'meterr_commit_events_bucket{le="5"} 2',
        'meterr_commit_events_sum 4',
        'meterr_queue_events 0',
        'meterr_database_up 1',
        'meterr_budgets 0',
      ]),
    );
    expect(text).not.toContain('a-path-of');
    for (const name of ['process_cpu_seconds_total', 'nodejs_eventloop_lag_seconds', 'meterr_unfolded_events']) {
      expect(text).toMatch(new RegExp(`^${name}`, 'm'));
    }
    // Prometheus refuses a text in which a name is described twice.
    const described = lines.filter((line) => line.startsWith('# TYPE'));
    expect(new Set(described).size).toBe(described.length);
  });
});
