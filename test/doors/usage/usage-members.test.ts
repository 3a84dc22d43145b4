import { beforeAll, describe, expect, it } from 'vitest';
import type { ListAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import {
  type MadeKey,
  type MadeMember,
  type MadeOrganization,
  type MadeTeam,
  makeKey,
  makeMember,
  makeOrganization,
  makeTeam,
  makeUsage,
} from '../../harness/make.ts';
import { noId } from '../../harness/operations.ts';

const meterr = useTestApp();
let organization: MadeOrganization;
let teams: [MadeTeam, MadeTeam];
let ann: MadeMember;
let bea: MadeMember;
let app: MadeKey;
/** Which member each key is of. */
const memberOf = new Map<string, string | null>();

const KEYS = { start: '2026-10-20T00:00:00Z', end: '2026-11-23T00:00:00Z' };
const RANGE = `start=${KEYS.start}&end=${KEYS.end}`;
const asOwner = () => ({ key: organization.key.secret });
const ask = (query: string, key = organization.key.secret) =>
  meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage?${RANGE}&${query}`, { key });

/** A generator of numbers from 0 to 1 that says the same in each run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

beforeAll(async () => {
  organization = await makeOrganization(meterr());
  teams = [await makeTeam(meterr(), organization), await makeTeam(meterr(), organization)];
  ann = await makeMember(meterr(), organization, teams[0], 'admin', 'Ann');
  bea = await makeMember(meterr(), organization, teams[1], 'member', 'Bea');
  app = await makeKey(meterr(), organization, { scopes: ['usage:write'], team: teams[0], name: 'App' });
  await meterr().sql.query('UPDATE api_keys SET member_id = $2 WHERE id = $1', [app.uuid, ann.uuid]);
  const keys: [MadeKey, string | null][] = [
    [ann.key, ann.id],
    [app, ann.id],
    [bea.key, bea.id],
    [organization.key, null],
  ];
  const random = createRandom(7);
  for (const [key, member] of keys) {
    memberOf.set(key.id, member);
    const events = Array.from({ length: 40 }, (_, i) => ({
      model: `m-${Math.floor(random() * 3)}`,
      cost: (random() * 10).toFixed(12),
      input_tokens: Math.floor(random() * 1_000),
      output_tokens: Math.floor(random() * 100),
      timestamp: new Date(Date.parse(KEYS.start) + random() * 32 * 86_400_000).toISOString(),
      user_id: `u-${i % 4}`,
      tags: { env: random() < 0.5 ? 'prod' : 'test' },
    }));
    await makeUsage(meterr(), key.secret, events);
  }
});

/** The sums over the events themselves, by member and whatever else. */
async function sumEvents(nameOf: (event: UsageEventAnswer) => string, query = ''): Promise<Map<string, string>> {
  const { data } = await meterr().ok<ListAnswer<UsageEventAnswer>>(
    'GET',
    `/v1/usage/history?${RANGE}&limit=1000${query}`,
    asOwner(),
  );
  const sums = new Map<string, { requests: number; tokens: number; cost: bigint }>();
  for (const event of data) {
    const name = nameOf(event);
    const sum = sums.get(name) ?? { requests: 0, tokens: 0, cost: 0n };
    sum.requests += event.requests;
    sum.tokens += event.total_tokens;
    sum.cost += BigInt(Math.round(Number(event.cost) * 1e12));
    sums.set(name, sum);
  }
  return new Map([...sums].map(([name, { requests, tokens, cost }]) => [name, `${requests} ${tokens} ${cost}`]));
}

function sumGroups({ data }: UsageSummaryAnswer, nameOf: (group: UsageSummaryAnswer['data'][number]) => string) {
  return new Map(
    data.map((row) => [
      nameOf(row),
      `${row.requests} ${row.total_tokens} ${BigInt(Math.round(Number(row.cost) * 1e12))}`,
    ]),
  );
}

const memberOfEvent = (event: UsageEventAnswer) => String(memberOf.get(event.api_key_id ?? '') ?? null);
const sorted = (map: ReadonlyMap<string, string>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

describe('usage by member', () => {
  it('is the sum over the events of all keys of each; keys of nobody are the group null', async () => {
    const answer = await ask('group_by=member');
    expect(sorted(sumGroups(answer, ({ group }) => String(group.member)))).toEqual(
      sorted(await sumEvents(memberOfEvent)),
    );
    expect(answer.data).toHaveLength(3);
    expect(answer.totals).toMatchObject({ requests: 160 });
    const requests = answer.data.reduce((sum, row) => sum + row.requests, 0);
    expect(requests).toBe(160);
  });

  it.each([
    ['by model', 'group_by=member,model', (event: UsageEventAnswer) => event.model, 'model'],
    ['by user', 'group_by=user,member', (event: UsageEventAnswer) => String(event.user_id), 'user'],
    ['by tag', 'group_by=member,tag:env', (event: UsageEventAnswer) => String(event.tags.env), 'tag:env'],
  ])('%s too is the sum over the events', async (_, query, other, dimension) => {
    const wanted = await sumEvents((event) => `${memberOfEvent(event)} ${other(event)}`);
    const groups = sumGroups(await ask(query), ({ group }) => `${group.member} ${group[dimension]}`);
    expect(sorted(groups)).toEqual(sorted(wanted));
  });

  it('by day in a zone is the sum over the events of each day', async () => {
    const timeZone = 'Asia/Kolkata';
    const dayOf = (time: string) => new Date(time).toLocaleDateString('sv-SE', { timeZone });
    const wanted = await sumEvents((event) => `${memberOfEvent(event)} ${dayOf(event.timestamp)}`);
    const answer = await ask(`group_by=member&interval=day&timezone=${timeZone}`);
    expect(sorted(sumGroups(answer, ({ group, start }) => `${group.member} ${dayOf(start)}`))).toEqual(sorted(wanted));
  });

  it('has the name beside the id; where several dimensions have names, each has its own', async () => {
    const named = async (query: string) => (await ask(query)).data.map(({ group }) => group);
    expect(await named('group_by=member')).toEqual(
      expect.arrayContaining([
        { member: ann.id, name: 'Ann' },
        { member: bea.id, name: 'Bea' },
        { member: null, name: null },
      ]),
    );
    expect(await named('group_by=team')).toContainEqual({ team: teams[0].id, name: teams[0].name });
    expect(await named('group_by=api_key,model')).toContainEqual({ api_key: app.id, name: 'App', model: 'm-0' });
    expect(await named('group_by=member,api_key')).toContainEqual({
      member: ann.id,
      member_name: 'Ann',
      api_key: app.id,
      api_key_name: 'App',
    });
    const other = (await ask('group_by=member&limit=1')).data.find((row) => row.other);
    expect(other?.group).toEqual({ member: null, name: null });
    const query = `{ usage(groupBy: [{dimension: MEMBER}, {dimension: MODEL}], filter: {memberId: "${bea.id}"}) {
      data { group { key value name } } } }`;
    const answer = await meterr().data<{ usage: { data: { group: object[] }[] } }>(query, null, asOwner());
    expect(answer.usage.data[0]?.group).toMatchObject([
      { key: 'member', value: bea.id, name: 'Bea' },
      { key: 'model', name: null },
    ]);
  });

  it.each(['', '&group_by=model', '&group_by=member', '&group_by=user', '&interval=day', '&user_id=u-1'])(
    'of one member%s is that of its keys, in totals and history',
    async (query) => {
      const userOnly = query.includes('user_id') ? query : '';
      const { totals, data } = await ask(`member_id=${ann.id}${query}`);
      const [wanted = ''] = (await sumEvents(memberOfEvent, `${userOnly}&member_id=${ann.id}`)).values();
      const all = (await sumEvents(memberOfEvent, userOnly)).get(ann.id);
      expect(wanted).toBe(all);
      expect(`${totals.requests} ${totals.total_tokens} ${BigInt(Math.round(Number(totals.cost) * 1e12))}`).toBe(all);
      expect(data.reduce((sum, row) => sum + row.requests, 0)).toBe(totals.requests);
    },
  );

  it('is in costs, too', async () => {
    const { ok } = meterr();
    interface Costs {
      total: string;
      data: { group: Record<string, string | null>; cost: string }[];
    }
    const { data } = await ok<Costs>('GET', '/v1/costs?group_by=member', asOwner());
    const ofAnn = await ok<Costs>('GET', `/v1/costs?member_id=${ann.id}`, asOwner());
    expect(data.find(({ group }) => group.member === ann.id)).toMatchObject({
      group: { member: ann.id, name: 'Ann' },
      cost: ofAnn.total,
    });
    expect(data).toHaveLength(3);
  });

  it('is refused for a member that the key may not see, as for one that does not exist', async () => {
    const stranger = await makeOrganization(meterr());
    const { secret: bound } = await makeKey(meterr(), organization, { scopes: ['admin'], team: teams[1] });
    for (const path of ['/v1/usage', '/v1/usage/history', '/v1/costs']) {
      for (const [key, id] of [
        [stranger.key.secret, ann.id],
        [bound, ann.id],
        [organization.key.secret, noId('member')],
      ] as const) {
        const { status, error } = await meterr().rest('GET', `${path}?member_id=${id}`, { key });
        expect({ status, fields: error?.details.fields }).toEqual({
          status: 400,
          fields: [{ path: 'member_id', message: 'there is no such member' }],
        });
      }
      const malformed = await meterr().rest('GET', `${path}?member_id=ann`, asOwner());
      expect(malformed.error?.details.fields?.[0]?.path).toBe('member_id');
      expect((await meterr().rest('GET', `${path}?member_id=${bea.id}`, { key: bound })).status).toBe(200);
    }
    const exported = await meterr().rest('GET', `/v1/usage/export?member_id=${noId('member')}`, asOwner());
    expect(exported.status).toBe(400);
  });

  it('stays when the member is removed and its team deleted', async () => {
    const before = await ask('group_by=member');
    await meterr().ok('DELETE', `/v1/teams/${teams[0].id}/members/${ann.id}`, asOwner());
    await meterr().ok('DELETE', `/v1/teams/${teams[0].id}`, asOwner());
    expect(await ask('group_by=member')).toEqual(before);
    expect((await ask(`member_id=${ann.id}`)).totals.requests).toBe(80);
  });
});
