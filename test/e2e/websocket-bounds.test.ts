import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { MAX_UNSENT_BYTES } from '../../src/graphql/live/serve-sockets.ts';
import { createTestApp, type TestApp } from '../harness/app.ts';
import { waitUntil } from '../harness/wait-until.ts';

// What one connection may cost: the same attacks, as floods, are in test/abuse.

const STALLED_MS = 300;
/** Node counts anew as long as the kernel takes a bit more, and this process may be kept from its work. */
const LONG_STALLED_MS = 20 * STALLED_MS;

let meterr: TestApp;
let port: number;

beforeAll(async () => {
  meterr = await createTestApp({
    through: 'fetch',
    stalledMs: STALLED_MS,
    env: { METERR_METRICS_OPEN: 'true' },
  });
  ({ port } = await meterr.app.listen(0, '127.0.0.1'));
});

afterAll(async () => {
  await meterr.close();
});

interface Message {
  type: string;
  id?: string;
  payload?: unknown;
}

/** A socket that was admitted, and what it received. */
async function open(): Promise<{ socket: WebSocket; received: Message[]; ask(id: string, query: string): void }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws');
  const received: Message[] = [];
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${meterr.adminKey}` } }));
  await once(socket, 'message');
  socket.on('message', (data) => received.push(JSON.parse(String(data))));
  const ask = (id: string, query: string) => socket.send(JSON.stringify({ type: 'subscribe', id, payload: { query } }));
  return { socket, received, ask };
}

describe('a WebSocket', () => {
  it('that is read too slowly is closed with 1013, with at most 4 MiB and one answer waiting', async () => {
    const { socket, received, ask } = await open();
    const types = '__schema { types { name description fields { name description args { name description } } } }';
    const large = `{ ${Array.from({ length: 20 }, (_, i) => `s${i}: ${types}`).join(' ')} }`;
    const bytes = JSON.stringify(await meterr.data(large)).length;
    expect(90 * bytes).toBeGreaterThan(8 * MAX_UNSENT_BYTES);
    socket.pause();
    const closed = once(socket, 'close');
    for (let i = 0; i < 90; i++) ask(String(i), large);
    const { socket: other, received: answers, ask: askOther } = await open();
    askOther('1', '{ me { scopes } }');
    await waitUntil('the server serves others', () => answers.length > 0);
    other.terminate();
    // A reader that goes on before the server has enough of it is no slow one.
    await waitUntil('the server has cut it off', async () =>
      /^meterr_websockets 0$/m.test(await (await meterr.fetch('/metrics')).text()),
    );
    socket.resume();
    // 1006: cut off before it had read why.
    expect((await closed)[0]).toBeOneOf([1013, 1006]);
    // The kernel takes some, and the answer under way comes on top.
    expect(received.length * bytes).toBeLessThan(6 * MAX_UNSENT_BYTES);
  });

  it('has at most 100 operations under way: the next is rate_limit_exceeded, and the socket lives', async () => {
    const { socket, received, ask } = await open();
    for (let i = 0; i < 300; i++) ask(String(i), '{ me { scopes } }');
    await waitUntil('all are answered', () => received.filter(({ type }) => type !== 'complete').length === 300);
    const refused = received.filter(({ type }) => type === 'error');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThanOrEqual(200);
    for (const { payload } of refused) expect(payload).toMatchObject([{ extensions: { code: 'rate_limit_exceeded' } }]);
    ask('again', '{ me { scopes } }');
    await waitUntil('it is asked again', () => received.some(({ id }) => id === 'again'));
    expect(received.find(({ id }) => id === 'again')).toMatchObject({ type: 'next' });
    socket.terminate();
  });

  it('is answered invalid_request for whatever text is deep, large or broken, and lives', async () => {
    const { socket, received, ask } = await open();
    const names = Array.from({ length: 16 }, (_, i) => `F${i}`);
    const circle = names.map((name) => `fragment ${name} on Query { ${names.map((one) => `...${one}`).join(' ')} }`);
    const texts = [
      '{'.repeat(100_000),
      `{ me(a: ${'['.repeat(9_000)}`,
      `{ ...F0 } ${circle.join(' ')}`,
      '{ me { scopes } } '.repeat(5_000),
      `{ ${Array.from({ length: 51 }, (_, i) => `b${i}: budgets { edges { node { id } } }`).join(' ')} }`,
      '',
      '{ me { nothing } }',
      'fragment A on Query { me { scopes } }',
    ];
    for (const [i, text] of texts.entries()) {
      ask(String(i), text);
      await waitUntil(`text ${i} is answered`, () => received.some(({ id }) => id === String(i)));
      const answer = received.find(({ id }) => id === String(i));
      expect(answer, text.slice(0, 50)).toMatchObject({
        type: 'error',
        payload: [{ extensions: { code: 'invalid_request' } }],
      });
    }
    expect(socket.readyState).toBe(WebSocket.OPEN);
    expect(meterr.logged).toEqual([]);
    socket.terminate();
  });

  it('that breaks the protocol is closed, and nothing is said of what was thrown', async () => {
    for (const sent of ['not JSON', '{"type":"nothing"}', Buffer.from([0xff, 0xfe]), '{"type":"subscribe"}']) {
      const { socket } = await open();
      socket.on('error', () => {});
      const closed = once(socket, 'close');
      socket.send(sent);
      const [code, reason] = await closed;
      expect(code).toBeGreaterThanOrEqual(4400);
      expect(String(reason)).not.toMatch(/unexpected|token|\bat\b/i);
    }
  });
});

/** The answer to a request whose body never comes. */
async function talk(sent: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  let text = '';
  socket.write(sent);
  socket.on('data', (data) => {
    text += data;
  });
  await waitUntil('it is answered', () => text.includes('\r\n\r\n'));
  socket.destroy();
  return text;
}

describe('a connection', () => {
  const head = (path: string, more: string) =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${more}\r\n\r\n`;

  it.each(['/graphql', '/v1/usage', '/v1/teams'])(
    'without a key is refused by %s before its body is read',
    async (path) => {
      const text = await talk(head(path, 'Content-Length: 1000000'));
      expect(text).toMatch(/^HTTP\/1\.1 401 /);
    },
  );

  it('whose request stops in the middle is dropped', async () => {
    const more = `Content-Length: 1000\r\nAuthorization: Bearer ${meterr.adminKey}`;
    for (const sent of [head('/v1/usage', more), head('/graphql', more), 'GET / HTTP/1.1\r\nHo']) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      socket.write(sent);
      await once(socket, 'close');
    }
  });

  it('that does not read its answer is dropped, and one that waits for it is not', async () => {
    const unread = connect(port, '127.0.0.1');
    unread.on('error', () => {});
    unread.pause();
    unread.write('GET /graphql HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n');
    const locked = await meterr.sql.connect();
    await locked.query('BEGIN; LOCK TABLE usage_days, usage_quarter_hours, usage_events IN ACCESS EXCLUSIVE MODE');
    const waiting = fetch(`http://127.0.0.1:${port}/v1/usage`, {
      headers: { authorization: `Bearer ${meterr.adminKey}` },
    });
    await waitUntil('more time than may pass without a byte', async () => {
      const { rows } = await meterr.sql.query(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND now() - query_start > interval '${LONG_STALLED_MS} ms'`,
      );
      return rows.length > 0;
    });
    await locked.query('COMMIT');
    locked.release();
    expect((await waiting).status).toBe(200);
    // What the kernel had taken is still there to read; the rest never comes.
    let bytes = 0;
    unread.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    const closed = once(unread, 'close');
    unread.resume();
    await closed;
    const page = await meterr.fetch('/graphql', { headers: { accept: 'text/html' } });
    expect(bytes).toBeLessThan((await page.arrayBuffer()).byteLength);
  });
});
