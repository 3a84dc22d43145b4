import { describe, expect, it } from 'vitest';
import type { UsageEventAnswer } from '../../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../../harness/app.ts';
import { EVENT, makeKey, makeOrganization, makeTeam } from '../../harness/make.ts';
import { readEvents } from '../budget-answers.ts';

const meterr = useTestApp();
const NEW = { ...EVENT, model: 'a-new-model' };

async function makeWriter() {
  const organization = await makeOrganization(meterr());
  const key = organization.key.secret;
  return {
    organization,
    key,
    send: (body: object, secret = key) => meterr().ok<UsageEventAnswer>('POST', '/v1/usage', { key: secret, body }),
    sendAll: (events: object[]) => meterr().ok('POST', '/v1/usage/batch', { key, body: { events } }),
    /** The data of all that was told, oldest first. */
    told: async () => (await readEvents(meterr(), key)).map(({ data }) => data),
  };
}

describe('usage.unpriced', () => {
  it('is told by both doors with the data of the contract', async () => {
    const { key, send } = await makeWriter();
    const { id, unpriced_reason: reason } = await send({ ...NEW, service_tier: 'batch' });
    const data = { provider: 'openai', model: 'a-new-model', reason };
    expect(await readEvents(meterr(), key)).toEqual([
      {
        id: expect.stringMatching(/^event_/),
        event: 'usage.unpriced',
        created_at: DEFAULT_NOW,
        data: { ...data, service_tier: 'batch', usage_id: id },
      },
    ]);
    const { events } = await meterr().data<{ events: { edges: { node: object }[] } }>(
      `{ events(types: [USAGE_UNPRICED]) { edges { node {
           event data payload { ... on UsageUnpriced { provider model serviceTier reason usageId } } } } } }`,
      null,
      { key },
    );
    const payload = { ...data, serviceTier: 'batch', usageId: id };
    expect(events.edges).toEqual([{ node: { event: 'USAGE_UNPRICED', data: payload, payload } }]);
  });

  it('is raised once for many events, alone, in batches, and of several keys and teams', async () => {
    const { organization, send, sendAll, told } = await makeWriter();
    const team = await makeTeam(meterr(), organization);
    const { secret } = await makeKey(meterr(), organization, { team, scopes: ['usage:write'] });
    await sendAll([...Array(50).fill(NEW), { ...NEW, team_id: team.id }]);
    for (let i = 0; i < 3; i++) await send(NEW);
    await send(NEW, secret);
    await sendAll(Array(50).fill(NEW));
    expect(await told()).toMatchObject([{ model: 'a-new-model' }]);
  });

  it('is raised for each provider, model, tier and reason, in the order of the events', async () => {
    const { send, sendAll, told } = await makeWriter();
    await sendAll([NEW, { ...NEW, model: 'b-new-model' }, EVENT, NEW, { ...NEW, service_tier: 'flex' }]);
    await send({ ...NEW, provider: 'somebody' });
    expect(await told()).toMatchObject([
      { provider: 'openai', model: 'a-new-model', service_tier: 'standard' },
      { provider: 'openai', model: 'b-new-model', service_tier: 'standard' },
      { provider: 'openai', model: 'a-new-model', service_tier: 'flex' },
      { provider: 'somebody', model: 'a-new-model', service_tier: 'standard' },
    ]);
  });

  it('names the event that was recorded first, not a repeat beside it', async () => {
    const { key, send, sendAll, told } = await makeWriter();
    await send({ ...EVENT, id: 'a', response_id: 'r' });
    // Neither a duplicate nor a conflict is recorded.
    await sendAll([
      { ...NEW, response_id: 'r' },
      { ...NEW, id: 'a' },
    ]);
    expect(await told()).toEqual([]);
    await sendAll([
      { ...NEW, response_id: 'r' },
      { ...NEW, id: 'b' },
      { ...NEW, id: 'c' },
    ]);
    const usageId = Object(await told())[0].usage_id;
    const first = await meterr().ok<UsageEventAnswer>('GET', `/v1/usage/${usageId}`, { key });
    expect(first.event_id).toBe('b');
  });

  it('is not raised where the caller gave the cost, for a void, or for an event that told no usage', async () => {
    const { organization, key, send, told } = await makeWriter();
    await send({ ...NEW, cost: '1' });
    expect(await told()).toEqual([]);
    const { id } = await send(NEW);
    await meterr().ok('POST', `/v1/usage/${id}/void`, { key, body: { reason: 'a test' } });
    expect(await told()).toHaveLength(1);
    const { rows } = await meterr().sql.query('SELECT max(id) AS id FROM usage_series WHERE organization_id = $1', [
      organization.uuid,
    ]);
    const raise = 'SELECT raise_unpriced(now(), ARRAY[$1::uuid], ARRAY[$2::int], ARRAY[$3], ARRAY[gen_random_uuid()])';
    await meterr().sql.query(raise, [organization.uuid, rows[0].id, 'no_usage_reported']);
    expect(await told()).toHaveLength(1);
    await meterr().sql.query(raise, [organization.uuid, rows[0].id, 'another_reason']);
    expect(await told()).toHaveLength(2);
  });

  it('is told for at most a thousand of an organization, in the order in which they came, and no other feels it', async () => {
    const [one, other] = [await makeWriter(), await makeWriter()];
    const models = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => ({ ...NEW, model: `random-${from + i}` }));
    await one.sendAll(models(0, 990));
    await one.sendAll(models(980, 1_010));
    await one.send({ ...NEW, model: 'random-1011' });
    const { rows } = await meterr().sql.query<{ model: string }>(
      `SELECT data ->> 'model' AS model FROM events WHERE organization_id = $1 ORDER BY position`,
      [one.organization.uuid],
    );
    expect(rows.map(({ model }) => model)).toEqual(models(0, 1_000).map(({ model }) => model));
    await other.send(NEW);
    expect(await other.told()).toHaveLength(1);
  });

  it('queues a delivery for the webhooks that ask for it', async () => {
    const { organization, key, send } = await makeWriter();
    const url = 'https://hooks.invalid/';
    for (const events of [['usage.unpriced'], ['*'], ['usage.exceeded']]) {
      await meterr().ok('POST', '/v1/webhooks', { key, body: { url, events } });
    }
    await send(NEW);
    await send(NEW);
    const { rows } = await meterr().sql.query(
      `SELECT d.event_type, w.event_types FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
        WHERE d.organization_id = $1 ORDER BY w.event_types`,
      [organization.uuid],
    );
    expect(rows).toEqual([
      { event_type: 'usage.unpriced', event_types: ['*'] },
      { event_type: 'usage.unpriced', event_types: ['usage.unpriced'] },
    ]);
  });
});
