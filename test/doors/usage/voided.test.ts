import { describe, expect, it } from 'vitest';
import type { ListAnswer, UsageEventAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, EVENT_INPUT, makeKey, makeOrganization, makeTeam, makeUsage } from '../../harness/make.ts';

const meterr = useTestApp();

type Page = ListAnswer<UsageEventAnswer>;

const history = (key: string, query: string) => meterr().ok<Page>('GET', `/v1/usage/history?${query}`, { key });

/** An organization with one voided event and one that is not. */
async function makeVoided() {
  const { secret } = (await makeOrganization(meterr())).key;
  const [id = '', other = ''] = await makeUsage(meterr(), secret, [{ id: 'inv-18' }, { id: 'inv-19' }]);
  const path = `/v1/usage/${id}/void`;
  const reversal = await meterr().ok<UsageEventAnswer>('POST', path, { key: secret, body: { reason: 'x' } });
  return { key: secret, id, other, reversal };
}

describe('a voided event', () => {
  it('says so wherever it is read, and which event reverses it (case OT3)', async () => {
    const { key, id, other, reversal } = await makeVoided();
    expect(reversal).toMatchObject({ voids: id, voided_by: null });
    const read = (one: string) => meterr().ok<UsageEventAnswer>('GET', `/v1/usage/${one}`, { key });
    expect((await read(id)).voided_by).toBe(reversal.id);
    expect((await read(other)).voided_by).toBeNull();
    expect((await read(reversal.id)).voided_by).toBeNull();
    const { data } = await history(key, 'limit=10');
    expect(new Map(data.map((one) => [one.id, one.voided_by]))).toEqual(
      new Map([
        [id, reversal.id],
        [other, null],
        [reversal.id, null],
      ]),
    );
  });

  it('says so in GraphQL too: alone, as a node, and in the list', async () => {
    const { key, id, reversal } = await makeVoided();
    interface Answer {
      usageEvent: { voidedBy: string };
      node: { voidedBy: string };
      usageEvents: { edges: { node: { id: string; voidedBy: string | null } }[] };
    }
    const answer = await meterr().data<Answer>(
      `query ($id: ID!) {
        usageEvent(id: $id) { voidedBy } node(id: $id) { ... on UsageEvent { voidedBy } }
        usageEvents(eventId: "inv-18") { edges { node { id voidedBy } } } }`,
      { id },
      { key },
    );
    expect(answer).toEqual({
      usageEvent: { voidedBy: reversal.id },
      node: { voidedBy: reversal.id },
      usageEvents: { edges: [{ node: { id, voidedBy: reversal.id } }] },
    });
  });

  it('says so in the answer to a repeat, which still is the first record', async () => {
    const { key, id, reversal } = await makeVoided();
    const body = { ...EVENT, id: 'inv-18' };
    const { status, body: repeat } = await meterr().rest<UsageEventAnswer>('POST', '/v1/usage', { key, body });
    expect({ status, id: repeat.id, voided_by: repeat.voided_by }).toEqual({ status: 200, id, voided_by: reversal.id });
  });

  it('says so in an export', async () => {
    const { key, id, reversal } = await makeVoided();
    const headers = { accept: 'application/x-ndjson' };
    const { text } = await meterr().rest('GET', '/v1/usage/export', { key, headers });
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as UsageEventAnswer);
    expect(lines.find((line) => line.id === id)?.voided_by).toBe(reversal.id);
  });
});

describe('an event is found by the caller’s own id', () => {
  it('in both doors, so that it can be voided after a lost answer (case OT6)', async () => {
    const { secret } = (await makeOrganization(meterr())).key;
    await makeUsage(meterr(), secret, [{ id: 'inv-18' }, { id: 'inv-1' }, {}]);
    const { data } = await history(secret, 'event_id=inv-18');
    expect(data.map(({ event_id }) => event_id)).toEqual(['inv-18']);
    const query = '{ usageEvents(eventId: "inv-18") { edges { node { id } } } }';
    const answer = await meterr().data<{ usageEvents: { edges: unknown } }>(query, null, { key: secret });
    expect(answer.usageEvents.edges).toEqual([{ node: { id: data[0]?.id } }]);
    const body = { reason: 'x' };
    expect((await meterr().rest('POST', `/v1/usage/${data[0]?.id}/void`, { key: secret, body })).status).toBe(201);
    expect((await history(secret, 'event_id=inv')).data).toEqual([]);
  });

  it('together with other filters, and never in another organization or team', async () => {
    const organization = await makeOrganization(meterr());
    const { secret } = organization.key;
    const team = await makeTeam(meterr(), organization);
    const bound = await makeKey(meterr(), organization, { scopes: ['usage:read'], team });
    const other = (await makeOrganization(meterr())).key.secret;
    await makeUsage(meterr(), secret, [{ id: 'here', user_id: 'u-1' }]);
    expect((await history(secret, 'event_id=here&user_id=u-1')).data).toHaveLength(1);
    expect((await history(secret, 'event_id=here&user_id=u-2')).data).toEqual([]);
    expect((await history(other, 'event_id=here')).data).toEqual([]);
    expect((await history(bound.secret, 'event_id=here')).data).toEqual([]);
  });

  it('and an id that no event can have is refused by name', async () => {
    for (const id of ['', 'x'.repeat(256)]) {
      const { error } = await meterr().rest('GET', `/v1/usage/history?event_id=${id}`);
      expect(error?.details.fields).toMatchObject([{ path: 'event_id' }]);
      const query = 'query ($id: String) { usageEvents(eventId: $id) { edges { cursor } } }';
      expect((await meterr().gql(query, { id })).error?.details.fields).toMatchObject([{ path: 'eventId' }]);
    }
  });
});

it('a first record says that nothing reverses it, in both doors', async () => {
  const body = await meterr().ok<UsageEventAnswer>('POST', '/v1/usage', { body: EVENT });
  expect(body.voided_by).toBeNull();
  const mutation = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { voidedBy } }';
  expect(await meterr().data(mutation, { input: EVENT_INPUT })).toEqual({ recordUsage: { voidedBy: null } });
});
