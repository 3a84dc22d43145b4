import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { useTestApp } from '../harness/app.ts';
import { EVENT } from '../harness/make.ts';

const meterr = useTestApp({ through: 'fetch' });
let port = 0;

interface RawAnswer {
  status: number;
  headers: Map<string, string>;
  body: string;
}

/** Writes bytes to a socket and reads what comes back until the server closes. */
async function raw(text: string): Promise<RawAnswer> {
  if (port === 0) ({ port } = await meterr().app.listen(0, '127.0.0.1'));
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  // A server that refuses may close while we still write.
  socket.on('error', () => {});
  socket.write(text);
  await once(socket, 'close');
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  const [line = '', ...lines] = head.split('\r\n');
  const headers = new Map(
    lines.map((one) => {
      const [name = '', ...value] = one.split(': ');
      return [name.toLowerCase(), value.join(': ')] as const;
    }),
  );
  return { status: Number(line.split(' ')[1]), headers, body };
}

const CLOSE = 'Connection: close\r\n\r\n';
const manyTags = Array.from({ length: 2_000 }, (_, i) => `tag.k${i}=v`).join('&');

describe('what HTTP itself refuses has the envelope and X-Request-Id', () => {
  it.each<[string, string, number, string]>([
    ['a query of 24 KB', `GET /v1/usage?${manyTags} HTTP/1.1\r\nHost: x\r\n${CLOSE}`, 431, 'invalid_request'],
    ['an unknown Expect', `GET /v1/me HTTP/1.1\r\nHost: x\r\nExpect: foo\r\n${CLOSE}`, 417, 'invalid_request'],
    ['no Host', `GET /v1/me HTTP/1.1\r\n${CLOSE}`, 400, 'invalid_request'],
    ['an empty Host', `GET /v1/me HTTP/1.1\r\nHost:\r\n${CLOSE}`, 400, 'invalid_request'],
    ['a Host that is none', `GET /v1/me HTTP/1.1\r\nHost: a b\r\n${CLOSE}`, 400, 'invalid_request'],
    ['a Host with a path', `GET /v1/me HTTP/1.1\r\nHost: a/b\r\n${CLOSE}`, 400, 'invalid_request'],
    ['two Hosts', `GET /v1/me HTTP/1.1\r\nHost: a\r\nHost: b\r\n${CLOSE}`, 400, 'invalid_request'],
    ['a bad Host on a hot path', `POST /v1/usage HTTP/1.1\r\nHost: a b\r\n${CLOSE}`, 400, 'invalid_request'],
    ['a bad Host on GraphQL', `POST /graphql HTTP/1.1\r\nHost: [\r\n${CLOSE}`, 400, 'invalid_request'],
    ['no path', `GET * HTTP/1.1\r\nHost: x\r\n${CLOSE}`, 400, 'invalid_request'],
    ['a path without a slash', `GET v1/me HTTP/1.1\r\nHost: x\r\n${CLOSE}`, 400, 'invalid_request'],
    ['what is not HTTP', 'HELLO\r\n\r\n', 400, 'invalid_request'],
    ['HTTP/2 without asking', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'invalid_request'],
    [
      'two lengths',
      `POST /v1/usage HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n${CLOSE}`,
      400,
      'invalid_request',
    ],
    [
      'broken chunks',
      `POST /v1/usage HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${CLOSE}zz\r\n`,
      400,
      'invalid_request',
    ],
    ['CONNECT', `CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n${CLOSE}`, 405, 'method_not_allowed'],
    [
      'a WebSocket elsewhere',
      `GET /v1/me HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n`,
      401,
      'invalid_api_key',
    ],
    [
      'a handshake without its key',
      `GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
      400,
      'invalid_request',
    ],
  ])('%s', async (_, text, status, code) => {
    const answer = await raw(text);
    expect(answer.status).toBe(status);
    const body = JSON.parse(answer.body);
    expect(body).toEqual({ error: { code, message: expect.any(String), details: {} } });
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('and the server answers the next request as before', async () => {
    expect((await raw(`GET /health/live HTTP/1.1\r\nHost: x\r\n${CLOSE}`)).status).toBe(200);
  });
});

describe('what HTTP allows is answered', () => {
  it('HTTP/1.0 without Host, as health checks of load balancers send it', async () => {
    const { status, body } = await raw('GET /health/ready HTTP/1.0\r\n\r\n');
    expect({ status, body }).toEqual({ status: 200, body: '{"status":"ok"}' });
  });

  it('OPTIONS * says which methods there are', async () => {
    const { status, headers } = await raw(`OPTIONS * HTTP/1.1\r\nHost: x\r\n${CLOSE}`);
    expect({ status, allow: headers.get('allow') }).toEqual({
      status: 204,
      allow: 'GET, HEAD, POST, PATCH, DELETE, OPTIONS',
    });
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  const H2C =
    'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n';

  it('an offer of h2c, which Java’s client makes, as HTTP/1.1: GET', async () => {
    const auth = `Authorization: Bearer ${meterr().adminKey}\r\n`;
    expect((await raw(`GET /v1/me HTTP/1.1\r\nHost: x\r\n${auth}${H2C}\r\n`)).status).toBe(200);
  });

  it.each(['/v1/usage', '/graphql'])('and a POST of %s with its body', async (path) => {
    const body = JSON.stringify(path === '/graphql' ? { query: '{ me { scopes } }' } : EVENT);
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${meterr().adminKey}\r\nContent-Type: application/json\r\n`;
    const { status } = await raw(`${head}Content-Length: ${body.length}\r\n${H2C}\r\n${body}`);
    expect(status).toBe(path === '/graphql' ? 200 : 201);
  });
});

it('behind a trusted proxy a WebSocket’s caller is who the proxy names, as over HTTP', async () => {
  await raw(`GET /health/live HTTP/1.1\r\nHost: x\r\n${CLOSE}`);
  const wrong = `Bearer mtr_live_${'A'.repeat(43)}`;
  const address = '203.0.113.99';
  for (let i = 0; i < 119; i++) await meterr().rest('GET', '/v1/me', { key: wrong.slice(7), address });
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', {
    headers: { 'x-forwarded-for': `192.0.2.1, ${address}` },
  });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: wrong } }));
  expect((await once(socket, 'close'))[0]).toBe(4403);
  // The socket's failure was the last one of this address, and of no other.
  expect((await meterr().rest('GET', '/v1/me', { key: wrong.slice(7), address })).status).toBe(429);
  expect((await meterr().rest('GET', '/v1/me', { key: wrong.slice(7), address: '192.0.2.1' })).status).toBe(401);
});
