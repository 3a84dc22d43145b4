import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { WebSocket } from 'ws';
import type { Target } from './watch.ts';

export type Attack = (target: Target) => Promise<void>;

const MIB = 1_048_576;
/** How long connections that do nothing are held. */
const HELD_MS = 3_000;

type Body = string | Uint8Array<ArrayBuffer>;

/** Sends the same request many times, some at once; what comes back is read and thrown away. */
async function flood(
  { url, key }: Target,
  path: string,
  body: Body,
  { times = 20, atOnce = 4, headers = {} }: { times?: number; atOnce?: number; headers?: Record<string, string> } = {},
): Promise<void> {
  let left = times;
  const send = async () => {
    while (left-- > 0) {
      const init = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers };
      const response = await fetch(new URL(path, url), { method: 'POST', headers: init, body });
      await response.arrayBuffer();
      if (response.status >= 500) throw new Error(`${path} answered ${response.status}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, send));
}

/** Opens connections that send something and read nothing, and holds them. */
async function holdUnread({ port }: Target, count: number, sent: string | Buffer): Promise<void> {
  const sockets = await Promise.all(
    Array.from({ length: count }, async (): Promise<Socket> => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.pause();
      socket.write(sent);
      return socket;
    }),
  );
  await sleep(HELD_MS);
  for (const socket of sockets) socket.destroy();
}

const graphql = (query: string, variables: object = {}) => JSON.stringify({ query, variables });
const many = (count: number, one: (i: number) => string) => Array.from({ length: count }, (_, i) => one(i)).join(' ');
const EVENT = { provider: 'openai', model: 'gpt-4o', inputTokens: 1, outputTokens: 1 };
const RECORD = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { id } }';
const GZIP = { 'content-encoding': 'gzip' };
const PROTOBUF = { 'content-type': 'application/x-protobuf' };

function cycle(width: number): string {
  const spreads = many(width, (i) => `...F${i}`);
  return `{ ...F0 } ${many(width, (i) => `fragment F${i} on Query { ${spreads} }`)}`;
}

/** A message field of protobuf around its content. */
function field(id: number, content: Uint8Array): Uint8Array {
  const length: number[] = [];
  let left = content.length;
  for (; left > 127; left >>>= 7) length.push((left & 127) | 128);
  return Buffer.concat([Uint8Array.from([(id << 3) | 2, ...length, left]), content]);
}

const empty = (id: number, count: number) => Buffer.alloc(count * 2, Buffer.from([(id << 3) | 2, 0]));
const bytes = (content: Uint8Array) => Uint8Array.from(content);
const zip = (content: Uint8Array | string) => bytes(gzipSync(content));

async function openSocket({ port, key }: Target): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws');
  socket.on('error', () => {});
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } }));
  await once(socket, 'message');
  return socket;
}

const ask = (id: string | number, query: string) =>
  JSON.stringify({ type: 'subscribe', id: String(id), payload: { query } });

const SCHEMA = '{ __schema { types { name description fields { name description args { name description } } } } }';

const unreadPages: Attack = async (target) => {
  for (const coding of ['identity', 'gzip']) {
    const head = `GET /graphql HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nAccept-Encoding: ${coding}\r\n\r\n`;
    await holdUnread(target, 100, head);
  }
  await holdUnread(target, 100, 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n');
};

const cyclicFragments: Attack = async (target) => {
  for (const width of [3, 16, 60]) await flood(target, '/graphql', graphql(cycle(width)), { times: 60 });
  const socket = await openSocket(target);
  for (let i = 0; i < 60; i++) socket.send(ask(i, cycle(16)));
  await sleep(HELD_MS / 3);
  socket.terminate();
};

const telemetryBombs: Attack = async (target) => {
  const spans = (count: number) => field(1, field(2, empty(2, count)));
  const attributes = field(1, field(2, field(2, empty(9, 5_000_000))));
  const list = (count: number, one: string) => `${`${one},`.repeat(count - 1)}${one}`;
  const json = (count: number) => `{"resourceSpans":[{"scopeSpans":[{"spans":[${list(count, '{}')}]}]}]}`;
  await flood(target, '/v1/traces', zip(spans(5_000_000)), { headers: { ...PROTOBUF, ...GZIP } });
  await flood(target, '/v1/traces', zip(spans(520_000)), { headers: { ...PROTOBUF, ...GZIP } });
  await flood(target, '/v1/traces', bytes(attributes), { times: 8, headers: PROTOBUF });
  await flood(target, '/v1/traces', bytes(spans(10_000)), { headers: PROTOBUF });
  await flood(target, '/v1/traces', zip(json(3_000_000)), { headers: GZIP });
  await flood(target, '/v1/traces', json(3_000_000), { times: 8 });
};

const wrongInput: Attack = async (target) => {
  const unknown = Object.fromEntries(Array.from({ length: 15_000 }, (_, i) => [`unknown${i}`, 1]));
  await flood(target, '/graphql', graphql(RECORD, { input: { ...EVENT, ...unknown } }));
  await flood(target, '/graphql', graphql(`{ ${many(9_000, (i) => `a${i}`)} }`));
  await flood(target, '/v1/usage', JSON.stringify(unknown));
  await flood(target, '/v1/usage', JSON.stringify({ events: Array.from({ length: 1_000 }, () => ({ a: 1, b: 2 })) }));
  const lines = '{"a":1,"b":2,"provider":7,"model":8}\n'.repeat(10_000);
  await flood(target, '/v1/usage', lines, { times: 6, headers: { 'content-type': 'application/x-ndjson' } });
};

const aliases: Attack = async (target) => {
  const hours = 'interval: HOUR, start: "2026-01-01T00:00:00Z", end: "2027-01-01T00:00:00Z"';
  await flood(target, '/graphql', graphql(`{ ${many(500, (i) => `u${i}: usage { totals { cost } }`)} }`));
  for (const [sums, times] of [
    [20, 20],
    [7, 4],
  ] as const) {
    const query = `{ ${many(sums, (i) => `u${i}: usage(${hours}) { totals { cost } }`)} }`;
    await flood(target, '/graphql', graphql(query), { times, atOnce: 2 });
  }
  const pages = many(45, (i) => `p${i}: usageEvents(first: $n) { edges { node { id } } }`);
  await flood(target, '/graphql', graphql(`query ($n: Int) { ${pages} }`, { n: 1_000 }));
  await flood(target, '/graphql', graphql(`{ ${many(2_000, () => 'me { scopes }')} }`), { times: 8 });
};

const unreadSockets: Attack = async (target) => {
  const sockets = await Promise.all(Array.from({ length: 10 }, () => openSocket(target)));
  for (const socket of sockets) socket.pause();
  for (let round = 0; round < 40; round++) {
    for (const socket of sockets) socket.send(ask(round, SCHEMA));
    await sleep(HELD_MS / 40);
  }
  for (const socket of sockets) socket.terminate();
  const busy = await openSocket(target);
  for (let i = 0; i < 5_000; i++) busy.send(ask(i, '{ me { scopes } }'));
  await sleep(HELD_MS / 3);
  busy.terminate();
};

const bodiesOfStrangers: Attack = async (target) => {
  for (const path of ['/graphql', '/v1/usage']) {
    const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${MIB}\r\n\r\n`;
    await holdUnread(target, 200, Buffer.concat([Buffer.from(head), Buffer.alloc(MIB - 1, 32)]));
  }
};

const deepAndBroken: Attack = async (target) => {
  const deep = `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`;
  const event = JSON.stringify({ provider: 'a', model: 'b', input_tokens: 1, output_tokens: 1 });
  const deepEvent = event.replace('{', `{"metadata":${deep},`);
  await flood(target, '/v1/usage', deepEvent, { times: 8 });
  await flood(target, '/v1/usage', `{"events":[${event},${deepEvent}]}`, { times: 8 });
  await flood(target, '/graphql', graphql('{'.repeat(100_000)), { times: 8 });
  await flood(target, '/graphql', graphql(`{ me(a: ${'['.repeat(9_000)}`), { times: 8 });
  await flood(target, '/graphql', `{"query":"{ me { scopes } }","variables":${deep}}`, { times: 8 });
  for (let i = 0; i < 20; i++) await flood(target, '/v1/usage', bytes(randomBytes(50_000)), { times: 2 });
  await holdUnread(target, 50, randomBytes(MIB));
  const socket = await openSocket(target);
  socket.send(ask('deep', '{'.repeat(100_000)));
  socket.send(randomBytes(1_000));
  await sleep(HELD_MS / 3);
  socket.terminate();
};

export const ATTACKS: readonly (readonly [string, Attack])[] = [
  ['pages that nobody reads', unreadPages],
  ['fragments in a circle', cyclicFragments],
  ['telemetry that unfolds into millions of spans', telemetryBombs],
  ['thousands of things that are wrong at once', wrongInput],
  ['the same field under many aliases', aliases],
  ['WebSockets that nobody reads', unreadSockets],
  ['bodies without a key', bodiesOfStrangers],
  ['input that is deep or broken', deepAndBroken],
];
