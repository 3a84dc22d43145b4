import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../../harness/app.ts';
import { openRaw, type RawClient, subscribe } from '../../harness/live-client.ts';
import { EVENT, makeKey, makeOrganization, makeTeam, makeUsage } from '../../harness/make.ts';
import { OPERATOR_KEY } from '../../harness/operator-key.ts';
import { openLaterPricer } from '../../harness/price-later.ts';
import { waitUntil } from '../../harness/wait-until.ts';

// Two processes on one database: sockets are open on `meterr`, and both record.

let meterr: TestApp;
let other: TestApp;
let port: number;
const opened: RawClient[] = [];

beforeAll(async () => {
  meterr = await createTestApp({
    through: 'fetch',
    env: { METERR_OPERATOR_KEY: OPERATOR_KEY, METERR_PRICE_UNPRICED_LATER: 'false' },
  });
  other = await createTestApp({
    through: 'fetch',
    env: { METERR_OPERATOR_KEY: OPERATOR_KEY, METERR_PRICE_UNPRICED_LATER: 'false' },
    connectionString: meterr.connectionString,
  });
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

interface Recorded {
  usageRecorded: { id: string; requests: number; cost: string; voids: string | null; eventId: string };
}

const RECORDED = `subscription ($filter: UsageFilter) {
  usageRecorded(filter: $filter) { id eventId requests cost voids costBreakdown { amount } } }`;
const idsOf = (client: RawClient, id: string) => client.told<Recorded>(id).map(({ usageRecorded }) => usageRecorded.id);

it('each event is told once and in commit order, from the subscription on, whoever records it', async () => {
  const organization = await makeOrganization(meterr);
  const { secret: key } = organization.key;
  await makeUsage(meterr, key, [{ id: 'before' }]);
  const client = await open(key);
  await subscribe(meterr, client, 'a', RECORDED);
  const recording = Array.from({ length: 12 }, (_, writer) =>
    makeUsage(
      writer % 2 === 0 ? meterr : other,
      key,
      Array.from({ length: 20 }, (_, i) => ({ id: `${writer}-${i}` })),
    ),
  );
  await Promise.all(recording);
  // A repeat is not recorded again.
  await meterr.ok('POST', '/v1/usage', { key, body: { ...EVENT, id: '0-0' } });
  await waitUntil('all are told', () => idsOf(client, 'a').length >= 240);
  const { rows } = await meterr.sql.query<{ event_id: string }>(
    `SELECT event_id FROM usage_events WHERE organization_id = $1 AND event_id <> 'before' ORDER BY position`,
    [organization.uuid],
  );
  expect(client.told<Recorded>('a').map(({ usageRecorded }) => usageRecorded.eventId)).toEqual(
    rows.map(({ event_id }) => event_id),
  );
});

it('a void tells the reversing event', async () => {
  const { key } = await makeOrganization(meterr);
  const client = await open(key.secret);
  await subscribe(meterr, client, 'a', RECORDED);
  const [id] = await makeUsage(other, key.secret);
  await other.ok('POST', `/v1/usage/${id}/void`, { key: key.secret, body: { reason: 'twice' } });
  await waitUntil('both are told', () => idsOf(client, 'a').length === 2);
  expect(client.told<Recorded>('a').map(({ usageRecorded }) => usageRecorded)).toMatchObject([
    { id, requests: 1, cost: '0.0075', voids: null },
    { requests: -1, cost: '-0.0075', voids: id },
  ]);
});

it('a price that becomes known later is not told as an event', async () => {
  const { key } = await makeOrganization(meterr);
  const pricer = openLaterPricer(meterr.connectionString, meterr.clock.now());
  const client = await open(key.secret);
  await subscribe(meterr, client, 'a', RECORDED);
  const [id] = await makeUsage(other, key.secret, [{ provider: 'nobody', model: 'unheard-of' }]);
  await pricer.makeKnown();
  expect(await pricer.price()).toBe(1);
  await pricer.close();
  const [last] = await makeUsage(other, key.secret);
  await waitUntil('the last is told', () => idsOf(client, 'a').includes(last ?? ''));
  expect(idsOf(client, 'a')).toEqual([id, last]);
});

it('a filter chooses as it does for the history, and a key sees its team only', async () => {
  const organization = await makeOrganization(meterr);
  const { secret: key } = organization.key;
  const team = await makeTeam(meterr, organization);
  const bound = await makeKey(meterr, organization, { scopes: ['usage:read', 'usage:write'], team });
  const client = await open(key);
  const ofTeam = await open(bound.secret);
  const filters = [
    { provider: ' OpenAI' },
    { model: 'GPT-4o' },
    { teamId: team.id },
    { userId: 'u' },
    { apiKeyId: bound.id },
    { serviceTier: 'flex' },
    { tags: [{ key: 'env', value: 'prod' }] },
    { tags: [{ key: '__proto__', value: 'x' }] },
    { provider: 'openai', userId: 'u', tags: [{ key: 'env', value: 'prod' }] },
    {},
  ];
  for (const [i, filter] of filters.entries()) await subscribe(meterr, client, String(i), RECORDED, { filter });
  await subscribe(meterr, ofTeam, 'all', RECORDED);
  await makeUsage(other, key, [
    {},
    { provider: 'anthropic', model: 'claude-sonnet-4-5' },
    { team_id: team.id },
    { user_id: 'u' },
    { user_id: 'u', tags: { env: 'prod' } },
    { tags: { env: 'dev' }, service_tier: 'flex' },
  ]);
  const [last] = await makeUsage(other, bound.secret, [{ user_id: 'u', tags: { env: 'prod', more: 'x' } }]);
  await waitUntil('all are told', () => idsOf(client, '9').includes(last ?? '') && idsOf(ofTeam, 'all').length === 2);
  for (const [i, filter] of filters.entries()) {
    const { usageEvents } = await meterr.data<{ usageEvents: { edges: { node: { id: string } }[] } }>(
      'query ($filter: UsageFilter) { usageEvents(filter: $filter) { edges { node { id } } } }',
      { filter },
      { key },
    );
    const listed = usageEvents.edges.map(({ node }) => node.id).sort();
    await waitUntil(`filter ${i}`, () => idsOf(client, String(i)).length >= listed.length);
    expect([...idsOf(client, String(i))].sort()).toEqual(listed);
  }
});

it('a subscriber that is more than 10,000 events behind is closed with 1013, and another begins anew', async () => {
  const organization = await makeOrganization(meterr);
  const { secret: key } = organization.key;
  await makeUsage(meterr, key);
  const client = await open(key);
  await subscribe(meterr, client, 'a', RECORDED);
  // As many at once as no request records.
  await meterr.sql.query(
    `INSERT INTO usage_events (organization_id, id, event_id, body_hash, time, recorded_at, series_id, input_tokens,
       output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens,
       input_audio_tokens, output_audio_tokens, web_searches, cost_source)
     SELECT organization_id, gen_random_uuid(), i::text, body_hash, time, recorded_at, series_id, 1, 1, 0, 0, 0, 0, 0,
            0, 0, cost_source
       FROM usage_events, generate_series(1, 10500) i WHERE organization_id = $1`,
    [organization.uuid],
  );
  expect(await client.closed).toBe(1013);
  const again = await open(key);
  await subscribe(meterr, again, 'a', RECORDED);
  const [id] = await makeUsage(meterr, key);
  await waitUntil('it is told', () => idsOf(again, 'a').length === 1);
  expect(idsOf(again, 'a')).toEqual([id]);
});
