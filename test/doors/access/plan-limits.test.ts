import { beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, useTestApp } from '../../harness/app.ts';
import type { Answer } from '../../harness/calls.ts';
import { EVENT, type MadeOrganization, makeKey, makeOrganization } from '../../harness/make.ts';

const meterr = useTestApp();

function limitOf({ headers }: Pick<Answer, 'headers'>) {
  const read = (name: string) => headers.get(`x-ratelimit-${name}`);
  return { limit: read('limit'), remaining: read('remaining'), reset: read('reset') };
}

describe('an organization of the free plan', () => {
  let organization: MadeOrganization;
  let key: string;
  let other: string;

  beforeAll(async () => {
    organization = await makeOrganization(meterr(), { plan: 'free' });
    key = organization.key.secret;
    other = (await makeKey(meterr(), organization, { scopes: ['admin'] })).secret;
  });

  it('has 100 requests an hour over both doors and all its keys, and every answer says how many are left until the full hour', async () => {
    const { rest, gql, clock } = meterr();
    const end = Math.floor(clock.now() / 3_600_000) * 3_600 + 3_600;
    const calls = [
      () => rest('GET', '/v1/me', { key }),
      () => gql('{ me { scopes } }', null, { key }),
      () => rest('POST', '/v1/usage', { key, body: EVENT }),
      // One request, however many events.
      () => rest('POST', '/v1/usage', { key: other, body: { events: Array.from({ length: 50 }, () => EVENT) } }),
      // Failed ones count too.
      () => rest('POST', '/v1/usage', { key, body: {} }),
      () => rest('GET', '/v1/usage?no=1', { key }),
      () => gql('{ nothing }', null, { key: other }),
      () => gql('{', null, { key }),
      () => rest('GET', '/v1/usage/usage_x', { key }),
      () => rest('POST', '/v1/usage', { key, body: '{' }),
    ];
    for (let i = 0; i < 100; i++) {
      const answer = await (calls[i % calls.length] ?? calls[0])?.();
      expect(answer && limitOf(answer)).toEqual({
        limit: '100',
        remaining: String(99 - i),
        reset: String(end),
      });
      expect(answer?.status).not.toBe(429);
    }
  });

  it('is refused with 429 after that, by both doors, and told when to come again', async () => {
    const { rest, gql } = meterr();
    for (const answer of [
      await rest('POST', '/v1/usage', { key, body: EVENT }),
      await gql('{ me { scopes } }', null, { key }),
    ]) {
      expect({ status: answer.status, code: answer.error?.code }).toEqual({ status: 429, code: 'rate_limit_exceeded' });
      const { limit, remaining, reset } = limitOf(answer);
      expect({ limit, remaining }).toEqual({ limit: '100', remaining: '0' });
      expect(Number(answer.headers.get('retry-after'))).toBe(Number(reset) - meterr().clock.now() / 1000);
    }
  });

  it('has recorded nothing of what was refused', async () => {
    const { sql } = meterr();
    const { rows } = await sql.query('SELECT count(*) FROM usage_events WHERE organization_id = $1', [
      organization.uuid,
    ]);
    expect(rows[0].count).toBe(10 + 10 * 50);
  });

  it('is counted over all processes on one database', async () => {
    const second = await createTestApp({ connectionString: meterr().connectionString });
    const answer = await second.rest('GET', '/v1/me', { key });
    await second.close();
    expect(answer.status).toBe(429);
  });

  it('does not count against another organization', async () => {
    const fresh = await makeOrganization(meterr(), { plan: 'free' });
    const answer = await meterr().rest('GET', '/v1/me', { key: fresh.key.secret });
    expect(limitOf(answer)).toMatchObject({ remaining: '99' });
  });
});

describe('a request that no route takes', () => {
  const nowhere: [string, string, number][] = [
    ['GET', '/v1/nothing', 404],
    ['GET', '/', 404],
    ['POST', '/nothing/at/all', 404],
    ['DELETE', '/v1/usage', 405],
    ['PUT', '/v1/budgets/budget_x', 405],
    ['PUT', '/graphql', 405],
    ['GET', '/v1/traces', 405],
  ];

  it('counts, and shows what is left, in both doors', async () => {
    const { key } = await makeOrganization(meterr(), { plan: 'free' });
    for (const [i, [method, path, status]] of nowhere.entries()) {
      const answer = await meterr().rest(method, path, { key: key.secret });
      expect({ path, status: answer.status }).toEqual({ path, status });
      expect(limitOf(answer)).toMatchObject({ limit: '100', remaining: String(99 - i) });
    }
    const form = { key: key.secret, headers: { 'content-type': 'text/plain' }, body: '{ me { scopes } }' };
    const answer = await meterr().rest('POST', '/graphql', form);
    expect({ status: answer.status, remaining: limitOf(answer).remaining }).toEqual({
      status: 415,
      remaining: String(99 - nowhere.length),
    });
  });

  it('is 429 where nothing is left, and 401 with a wrong key', async () => {
    const { key } = await makeOrganization(meterr(), { plan: 'free' });
    for (let i = 0; i < 100; i++) await meterr().rest('GET', '/v1/nothing', { key: key.secret });
    for (const [method, path] of nowhere) {
      expect((await meterr().rest(method, path, { key: key.secret })).status).toBe(429);
      expect((await meterr().rest(method, path, { key: 'mtr_live_wrong' })).status).toBe(401);
    }
  });

  it('is what it is without a key', async () => {
    for (const [method, path, status] of nowhere) {
      const answer = await meterr().rest(method, path, { key: null });
      expect({ path, status: answer.status }).toEqual({ path, status });
      expect(limitOf(answer).limit).toBeNull();
    }
  });
});

it('an organization is never let through more often than its plan allows, however many ask at once', async () => {
  const { rest } = meterr();
  const { key } = await makeOrganization(meterr(), { plan: 'free' });
  const answers = await Promise.all(Array.from({ length: 150 }, () => rest('GET', '/v1/me', { key: key.secret })));
  const count = (status: number) => answers.filter((answer) => answer.status === status).length;
  expect({ let: count(200), refused: count(429) }).toEqual({ let: 100, refused: 50 });
});

it('pro has 1,000 an hour', async () => {
  const { key } = await makeOrganization(meterr(), { plan: 'pro' });
  const answer = await meterr().rest('GET', '/v1/me', { key: key.secret });
  expect(limitOf(answer)).toMatchObject({ limit: '1000', remaining: '999' });
});

it('enterprise has no limit, and no header says one', async () => {
  const { rest, gql } = meterr();
  for (const answer of [await rest('GET', '/v1/me'), await gql('{ me { scopes } }')]) {
    expect(limitOf(answer)).toEqual({ limit: null, remaining: null, reset: null });
  }
});

it('/v1/me shows where the caller stands, and so does GraphQL', async () => {
  const { rest, gql } = meterr();
  const { key } = await makeOrganization(meterr(), { plan: 'free' });
  const options = { key: key.secret };
  const { body, headers } = await rest<{ rate_limit: object }>('GET', '/v1/me', options);
  const expected = { limit: 100, remaining: 99, reset: Number(headers.get('x-ratelimit-reset')) };
  expect(body.rate_limit).toMatchObject({ limit: expected.limit, remaining: expected.remaining });
  const { data } = await gql<object>('{ me { rateLimit { limit remaining } organization { plan } } }', null, options);
  expect(data).toEqual({ me: { rateLimit: { limit: 100, remaining: 98 }, organization: { plan: 'FREE' } } });
  expect((await rest<{ rate_limit: null }>('GET', '/v1/me')).body.rate_limit).toBeNull();
});
