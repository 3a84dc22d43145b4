import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../harness/app.ts';
import { createTestApp } from '../harness/app.ts';
import { countWaiting } from '../harness/domain.ts';
import { genaiWith, servesJson } from '../harness/feeds.ts';
import { EVENT } from '../harness/make.ts';
import { type ServerProcess, startServer } from '../harness/processes/server-process.ts';
import { type Receiver, startReceiver } from '../harness/receiver.ts';
import { waitUntil } from '../harness/wait-until.ts';

// A server of the test's that publishes prices, an app, and servers in processes of their own.

const TIMEOUT_MS = 60_000;
let source: Receiver;
let app: TestApp;
let servers: ServerProcess[] = [];

beforeAll(async () => {
  source = await startReceiver();
  app = await createTestApp({ now: Date.now() });
}, TIMEOUT_MS);
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await app.close();
  await source.close();
}, TIMEOUT_MS);

async function start(): Promise<ServerProcess> {
  const env = { METERR_PRICE_FEEDS: `genai-prices=${new URL('/data.json', source.url).href}` };
  const server = await startServer({ connectionString: app.connectionString, key: app.adminKey, env });
  servers.push(server);
  return server;
}

async function gone(server: ServerProcess, how: 'kill' | 'stop'): Promise<void> {
  servers = servers.filter((one) => one !== server);
  await server[how]();
}

interface QueuedJob {
  in_minutes: number;
}

async function listJobs(): Promise<QueuedJob[]> {
  const { rows } = await app.sql.query<QueuedJob>(
    `SELECT (extract(epoch FROM run_at - now()) / 60)::float8 AS in_minutes
       FROM graphile_worker.jobs WHERE task_identifier = 'read-price-feeds' AND key IS NOT NULL`,
  );
  return rows;
}

const makeDue = () =>
  app.sql.query("SELECT graphile_worker.add_job('read-price-feeds', job_key => 'read-price-feeds', run_at => now())");

async function stored() {
  const { rows } = await app.sql.query(
    `SELECT (SELECT count(*)::int FROM catalog_versions) AS versions, (SELECT count(*)::int FROM prices) AS prices,
            (SELECT count(DISTINCT version)::int FROM catalog_entries) AS in_use, (SELECT count(*)::int FROM price_feeds) AS feeds`,
  );
  return rows[0];
}

/** What a process charges for a million input tokens of gpt-4o now. */
async function priceBy(server: Pick<ServerProcess, 'ok'>): Promise<string> {
  const body = { ...EVENT, id: randomBytes(8).toString('hex'), input_tokens: 1_000_000, output_tokens: 0 };
  return (await server.ok<{ cost: string }>('POST', '/v1/usage', { body })).cost;
}

describe('the daily read', () => {
  it('is queued once for all processes, one to two hours after the start; a restart leaves it where it is', async () => {
    await Promise.all([start(), start()]);
    const [job, ...others] = await listJobs();
    expect(others).toEqual([]);
    expect(job?.in_minutes).toBeGreaterThan(59);
    expect(job?.in_minutes).toBeLessThanOrEqual(120);
    await start();
    const again = await listJobs();
    expect(again).toHaveLength(1);
    expect(Math.abs((again[0]?.in_minutes ?? 0) - (job?.in_minutes ?? 0))).toBeLessThan(1);
    expect(source.received).toEqual([]);
  }, 60_000);

  it('is made by one process, and within seconds every process charges by what it brought', async () => {
    source.behave(servesJson(await genaiWith({ 'gpt-4o': 3 })));
    await makeDue();
    const all = [...servers, app];
    await waitUntil('every process knows', async () => {
      const prices = await Promise.all(all.map(priceBy));
      return prices.every((price) => price === '3');
    });
    expect(source.received).toHaveLength(1);
    const [next] = await listJobs();
    expect(next?.in_minutes).toBeGreaterThan(23 * 60);
  }, 60_000);

  it('that its process does not survive leaves nothing half-written, and is made up for', async () => {
    for (const server of servers.slice(1)) await gone(server, 'stop');
    const [victim] = servers;
    if (!victim) throw new Error('There is no server.');
    const before = await stored();
    source.behave(servesJson(await genaiWith({ 'gpt-4o': 4 })));
    const blocker = await app.sql.connect();
    await blocker.query('BEGIN');
    await blocker.query('LOCK TABLE catalog_entries IN EXCLUSIVE MODE');
    await makeDue();
    await waitUntil(
      'the import has begun to write',
      async () => (await countWaiting(app.sql, 'catalog_entries')) === 1,
    );
    await gone(victim, 'kill');
    await blocker.query('ROLLBACK');
    blocker.release();
    expect(await stored()).toEqual(before);
    const heir = await start();
    expect(await priceBy(heir)).toBe('3');
    const [retry] = await listJobs();
    expect(retry?.in_minutes).toBeGreaterThan(55);
    expect(retry?.in_minutes).toBeLessThanOrEqual(60);
    await makeDue();
    await waitUntil('the heir has imported it', async () => (await priceBy(heir)) === '4');
  }, 60_000);

  it('outlives a restart: the catalog that the release brings replaces nothing newer', async () => {
    const before = await stored();
    const [server] = servers;
    if (server) await gone(server, 'stop');
    expect(await priceBy(await start())).toBe('4');
    expect(await stored()).toEqual(before);
  }, 60_000);
});

it('with METERR_PRICE_FEEDS=off nobody is asked, not even where a read is queued and due', async () => {
  const [server] = servers;
  if (server) await gone(server, 'stop');
  source.received.length = 0;
  await makeDue();
  await app.sql.query("SELECT graphile_worker.add_job('remove-old-answers')");
  await waitUntil('the app has done what else was due', async () => {
    const text = "SELECT FROM graphile_worker.jobs WHERE task_identifier = 'remove-old-answers'";
    return (await app.sql.query(text)).rows.length === 0;
  });
  expect(await listJobs()).toHaveLength(1);
  expect(source.received).toEqual([]);
}, 60_000);
