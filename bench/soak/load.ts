import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { bodyOf, restEvent } from '../harness/events.ts';

// A process of its own: every kind of request that Meterr takes, at a pace that two cores can keep.

export interface SoakJob {
  port: number;
  key: string;
  seconds: number;
}

/** How many answers of which kind came: `records 201`. */
export type SoakCounts = Record<string, number>;

const counts: SoakCounts = {};
const count = (what: string) => {
  counts[what] = (counts[what] ?? 0) + 1;
};

const UPLOAD_LINES = 5_000;
const BATCH = 100;
const USERS = 20_000;
const JSON_TYPE = { 'content-type': 'application/json' };
const READS = [
  '/v1/usage?group_by=model',
  '/v1/usage?group_by=user',
  '/v1/usage/history?limit=50',
  '/v1/costs',
  '/v1/budgets',
  '/v1/credits',
  '/v1/events?limit=20',
  '/v1/audit-log?limit=20',
  '/v1/prices?limit=50',
  '/v1/no-such-thing',
];
const QUERIES = [
  '{ usage { totals { requests cost } } costs { total } budgets { edges { node { id name } } } }',
  '{ usageEvents(first: 50) { edges { node { id cost model } } } }',
  '{ events(first: 20) { edges { node { id event data } } } me { scopes } }',
  '{ noSuchField }',
];
const SUBSCRIPTIONS = [
  'subscription { usageRecorded { id model cost } }',
  'subscription { spend(every: 1) { at totals { cost requests } } }',
  'subscription { events { id event data } }',
  'subscription { usageExceeded { id data { budgetId } } }',
];

let serial = 0;
const nextEvent = () => {
  const n = serial++;
  return { id: `soak-${n}`, n };
};
const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(Math.random() * items.length)] as Item;

/** An event of one of many users, some with a model that has no price. */
function oddEvent(): string {
  const { id, n } = nextEvent();
  const event = JSON.parse(restEvent(id, n)) as Record<string, unknown>;
  const model = n % 50 === 0 ? `unknown-${n % 2_000}` : event.model;
  return JSON.stringify({ ...event, model, user_id: `user-${Math.floor(Math.random() * USERS)}` });
}

async function run({ port, key, seconds }: SoakJob): Promise<void> {
  const url = `http://127.0.0.1:${port}`;
  const authorization = `Bearer ${key}`;
  const endMs = performance.now() + seconds * 1000;
  const ask = async (what: string, path: string, init: RequestInit = {}): Promise<string> => {
    const response = await fetch(`${url}${path}`, { ...init, headers: { authorization, ...init.headers } });
    count(`${what} ${response.status}`);
    return response.text();
  };
  const post = (what: string, path: string, body: string, type = 'application/json') =>
    ask(what, path, { method: 'POST', body, headers: { 'content-type': type } });
  const repeat = async (pauseMs: number, work: () => Promise<unknown>) => {
    while (performance.now() < endMs) {
      await work().catch((error: Error) => count(`failed: ${error.message} ${String(error.cause ?? '')}`));
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  };

  const receiver = createServer((request, response) => {
    request.resume().once('end', () => {
      const isRefused = Math.random() < 0.02;
      count(`webhook ${isRefused ? 'refused' : 'taken'}`);
      response.writeHead(isRefused ? 500 : 204).end();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => receiver.once('listening', resolve));
  const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const made = await post('webhook made', '/v1/webhooks', JSON.stringify({ url: hook, events: ['*'] }));
  const { id: webhookId } = JSON.parse(made) as { id: string };
  const budget = { name: 'Each user', amount: '0.05', period: 'day', per: 'user' };
  await post('budget made', '/v1/budgets', JSON.stringify(budget));
  await post('budget made', '/v1/budgets', JSON.stringify({ name: 'All', amount: '1000000', period: 'month' }));

  async function hold(): Promise<void> {
    const body = { provider: 'openai', model: 'gpt-4o', input_tokens: 900, max_output_tokens: 300, user_id: 'user-1' };
    const { id } = JSON.parse(await post('holds', '/v1/usage/holds', JSON.stringify(body))) as { id: string };
    const event = { ...JSON.parse(restEvent(nextEvent().id, 0)), hold_id: id };
    const end = Math.random();
    if (end < 0.6) await post('settles', '/v1/usage', JSON.stringify(event));
    else if (end < 0.9) await ask('releases', `/v1/usage/holds/${id}`, { method: 'DELETE' });
  }

  /** Reads a stream for a while, then breaks it off. */
  async function readFor(ms: number, what: string, path: string, init: RequestInit): Promise<void> {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), ms);
    try {
      const headers = { authorization, ...init.headers };
      const response = await fetch(`${url}${path}`, { ...init, headers, signal: controller.signal });
      count(`${what} ${response.status}`);
      for await (const _ of response.body ?? []);
      count(`${what} to its end`);
    } catch (error) {
      if (!controller.signal.aborted) throw error;
      count(`${what} broken off`);
    } finally {
      clearTimeout(timer);
    }
  }

  const stream = () =>
    readFor(500 + Math.random() * 5_000, 'sse', '/graphql', {
      method: 'POST',
      body: JSON.stringify({ query: pick(SUBSCRIPTIONS) }),
      headers: { ...JSON_TYPE, accept: 'text/event-stream' },
    });

  function socket(): Promise<void> {
    return new Promise((resolve, reject) => {
      const ws = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
      ws.once('open', () => ws.send(JSON.stringify({ type: 'connection_init', payload: { authorization } })));
      ws.once('message', () => {
        for (const query of SUBSCRIPTIONS)
          ws.send(JSON.stringify({ id: query, type: 'subscribe', payload: { query } }));
        const end = () => (Math.random() < 0.5 ? ws.terminate() : ws.close());
        setTimeout(end, 500 + Math.random() * 5_000);
      });
      ws.once('error', reject);
      ws.once('close', (code) => {
        count(`socket closed ${code}`);
        resolve();
      });
    });
  }

  const key1 = async () => {
    const body = JSON.stringify({ name: 'Short', preset: 'read' });
    const { id, secret } = JSON.parse(await post('keys', '/v1/api-keys', body)) as { id: string; secret: string };
    await ask('own key', '/v1/me', { headers: { authorization: `Bearer ${secret}` } });
    await ask('keys ended', `/v1/api-keys/${id}`, { method: 'DELETE' });
  };

  const many = (length: number, pauseMs: number, work: () => Promise<unknown>) =>
    Array.from({ length }, () => repeat(pauseMs, work));
  await Promise.all([
    ...many(8, 30, () => post('records', '/v1/usage', oddEvent())),
    ...many(2, 50, () => post('graphql records', '/graphql', bodyOf('graphql', [nextEvent()]))),
    ...many(2, 400, () => post('batches', '/v1/usage', bodyOf('batch', Array.from({ length: BATCH }, nextEvent)))),
    ...many(1, 4_000, () => {
      const lines = Array.from({ length: UPLOAD_LINES }, oddEvent).join('\n');
      return post('uploads', '/v1/usage', lines, 'application/x-ndjson');
    }),
    ...many(2, 50, hold),
    ...many(2, 200, () => ask('reads', pick(READS))),
    ...many(2, 200, () => post('queries', '/graphql', JSON.stringify({ query: pick(QUERIES) }))),
    ...many(1, 500, () => post('wrong bodies', '/v1/usage', '{"provider": 1, "nonsense": true}')),
    ...many(1, 2_000, () => ask('wrong keys', '/v1/me', { headers: { authorization: 'Bearer mtr_live_wrong' } })),
    ...many(10, 100, stream),
    ...many(10, 100, socket),
    ...many(1, 1_000, key1),
    ...many(1, 500, () => post('webhook tests', `/v1/webhooks/${webhookId}/test`, '{}')),
    ...many(1, 8_000, () => readFor(4_000, 'export csv', '/v1/usage/export', {})),
    ...many(1, 8_000, () =>
      readFor(4_000, 'export ndjson', '/v1/usage/export', { headers: { accept: 'application/x-ndjson' } }),
    ),
  ]);
  receiver.closeAllConnections();
  receiver.close();
}

process.once('message', (job: SoakJob) => {
  run(job).then(
    () => process.send?.({ ...counts, events: serial }, () => process.exit(0)),
    (error: Error) => {
      process.stderr.write(`soak load: ${error.stack}\n`);
      process.exit(1);
    },
  );
});
