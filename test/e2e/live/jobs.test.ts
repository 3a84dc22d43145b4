import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../../harness/app.ts';
import { readSnippets } from '../../harness/doc-snippets.ts';
import { blockWriters } from '../../harness/domain.ts';
import { countSubscriptions, openRaw, type RawClient, subscribe } from '../../harness/live-client.ts';
import { type MadeOrganization, makeKey, makeOrganization, makeTeam, makeUsage } from '../../harness/make.ts';
import { OPERATOR_KEY } from '../../harness/operator-key.ts';
import { type JobAnswer, makeOwnPrice, reprice } from '../../harness/reprice.ts';
import { waitUntil } from '../../harness/wait-until.ts';

let meterr: TestApp;
let other: TestApp;
let port: number;
const opened: RawClient[] = [];
const RANGE = { start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z' };

beforeAll(async () => {
  const env = { METERR_OPERATOR_KEY: OPERATOR_KEY };
  meterr = await createTestApp({ through: 'fetch', env });
  other = await createTestApp({ through: 'fetch', env, connectionString: meterr.connectionString });
  ({ port } = await meterr.app.listen(0, '127.0.0.1'));
});

afterAll(async () => {
  for (const { socket } of opened) socket.terminate();
  await other.close();
  await meterr.close();
});

async function open(key: string): Promise<RawClient> {
  const client = await openRaw(port, key);
  opened.push(client);
  return client;
}

async function makeRepriceable(events: number): Promise<MadeOrganization> {
  const organization = await makeOrganization(meterr);
  await makeUsage(
    meterr,
    organization.key.secret,
    Array.from({ length: events }, () => ({})),
  );
  await makeOwnPrice(meterr, organization, { input: '5', output: '20' });
  return organization;
}

interface Told {
  jobProgress: { status: string; progress: { done: number; total: number }; result: { difference: string } | null };
}

const QUERY = `subscription ($id: ID!) {
  jobProgress(id: $id) { id status progress { done total } result { difference } error } }`;
const isComplete = ({ received }: RawClient, id: string) =>
  received.some((one) => one.id === id && one.type === 'complete');
const told = (client: RawClient, id: string) => client.told<Told>(id).map(({ jobProgress }) => jobProgress);

it('a job is told as it is, then as it changes, on every process, and the subscription completes at its end', async () => {
  const organization = await makeRepriceable(500);
  const { secret: key } = organization.key;
  const blockade = await blockWriters(meterr.sql, organization.uuid);
  const { id } = await other.ok<JobAnswer>('POST', '/v1/prices/reprice', { key, body: RANGE });
  const [client, second] = [await open(key), await open(key)];
  await subscribe(meterr, client, 'a', QUERY, { id });
  await subscribe(meterr, second, 'with another id', QUERY, { id });
  await waitUntil('the first is told', () => told(client, 'a').length > 0);
  expect(told(client, 'a')[0]).toMatchObject({ progress: { done: 0, total: 500 }, result: null });
  const stream = await meterr.app.fetch(
    new Request('http://meterr/graphql', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, accept: 'text/event-stream', 'content-type': 'application/json' },
      body: JSON.stringify({ query: QUERY, variables: { id } }),
    }),
  );
  await blockade.release();
  // It ends by itself.
  const text = await stream.text();
  for (const [one, name] of [
    [client, 'a'],
    [second, 'with another id'],
  ] as const) {
    await waitUntil('it is complete', () => isComplete(one, name));
    const states = told(one, name);
    expect(states.at(-1)).toMatchObject({
      ...{ status: 'DONE', progress: { done: 500, total: 500 }, result: { difference: '3.75' } },
    });
    const places = states.map(({ progress }) => progress.done);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(new Set(states.map((state) => JSON.stringify(state))).size).toBe(states.length);
    expect(one.received.at(-1)).toEqual({ id: name, type: 'complete' });
  }
  expect(text).toContain('"status":"DONE"');
  expect(text).toMatch(/event: complete\ndata:\n\n$/);
  await waitUntil('nothing is followed any more', async () => (await countSubscriptions(meterr)) === 0);
});

it('a job that is over is told once, and the socket stays', async () => {
  const organization = await makeRepriceable(1);
  const { secret: key } = organization.key;
  const { id } = await reprice(other, key, RANGE);
  const client = await open(key);
  client.ask('a', QUERY, { id });
  await waitUntil('it is complete', () => isComplete(client, 'a'));
  expect(told(client, 'a')).toMatchObject([{ status: 'DONE', result: { difference: '0.0075' } }]);
  client.ask('a', '{ me { scopes } }');
  await waitUntil('it is answered', () => client.received.filter((one) => one.type === 'complete').length === 2);
});

it('a job that fails says so, what it changed stays, and another one may be asked for', async () => {
  const organization = await makeRepriceable(1);
  const { secret: key } = organization.key;
  // No price may have so many decimals; the API refuses it.
  await makeOwnPrice(meterr, organization, { model: 'broken', input: '0.00000000000000000000001', output: '1' });
  const failed = await reprice(other, key, RANGE);
  expect(failed).toMatchObject({ status: 'failed', progress: { done: 0, total: 1 }, result: { changed: 0, data: [] } });
  expect(failed.error).toMatch(/^Something went wrong on our side\./);
  const client = await open(key);
  client.ask('a', QUERY, { id: failed.id });
  await waitUntil('it is complete', () => isComplete(client, 'a'));
  expect(told(client, 'a')).toMatchObject([{ status: 'FAILED', error: failed.error }]);
  await meterr.sql.query("DELETE FROM prices WHERE model = 'broken'");
  expect(await reprice(other, key, RANGE)).toMatchObject({ status: 'done', result: { changed: 1 } });
});

it('whoever may not see a job is refused as if there was none', async () => {
  const organization = await makeRepriceable(1);
  const { id } = await reprice(other, organization.key.secret, RANGE);
  const stranger = await makeOrganization(meterr);
  const team = await makeTeam(meterr, organization);
  const bound = await makeKey(meterr, organization, { scopes: ['prices:read'], team });
  const writer = await makeKey(meterr, organization, { scopes: ['prices:write'] });
  for (const [key, extensions] of [
    [stranger.key, { code: 'not_found' }],
    [bound, { code: 'not_found' }],
    [writer, { code: 'insufficient_permissions', details: { requiredScope: 'prices:read' } }],
  ] as const) {
    const client = await open(key.secret);
    client.ask('a', QUERY, { id });
    await waitUntil('it is refused', () => client.received.some((one) => one.id === 'a' && one.type !== 'complete'));
    expect(client.received[0]?.payload).toMatchObject({ errors: [{ extensions }] });
  }
});

it('the commands of docs/pricing.md preview and re-price, as they stand', async () => {
  const { secret } = (await makeRepriceable(3)).key;
  const snippets = await readSnippets('pricing.md');
  const cwd = await mkdtemp(join(tmpdir(), 'meterr-reprice-'));
  const env = { PATH: process.env.PATH, METERR_URL: `http://127.0.0.1:${port}`, METERR_KEY: secret };
  const run = async (name: string) => {
    const { stdout } = await promisify(execFile)('bash', ['-c', snippets.get(name) ?? 'false'], { cwd, env });
    return JSON.parse(stdout);
  };
  const sums = { events: 3, changed: 3, cost_before: '0.0225', cost_after: '0.045', difference: '0.0225' };
  expect(await run('preview.sh')).toMatchObject({ dry_run: true, ...sums });
  expect(await run('reprice.sh')).toMatchObject({ kind: 'reprice', status: 'done', result: sums });
  await rm(cwd, { recursive: true });
});
