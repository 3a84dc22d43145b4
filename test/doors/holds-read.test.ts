import { expect, it } from 'vitest';
import type { ListAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { EVENT, makeKey, makeOrganization, makeTeam } from '../harness/make.ts';
import { noId } from '../harness/operations.ts';
import { HOLD, type HoldAnswer, readAll } from './budget-answers.ts';

const meterr = useTestApp();
const hold = (key: string, body: object = {}) =>
  meterr().ok<HoldAnswer>('POST', '/v1/usage/holds', { key, body: { ...HOLD, ...body } });
const read = (key: string, id: string) => meterr().rest<HoldAnswer>('GET', `/v1/usage/holds/${id}`, { key });

it('a hold is read as it is now, by its time too, in both doors', async () => {
  const { secret: key } = (await makeOrganization(meterr())).key;
  const [active, settled, released, expired] = [
    await hold(key),
    await hold(key),
    await hold(key),
    await hold(key, { expires_in: 60 }),
  ];
  await meterr().ok('POST', '/v1/usage', { key, body: { ...EVENT, hold_id: settled.id } });
  await meterr().ok('DELETE', `/v1/usage/holds/${released.id}`, { key });
  const { budgets: _, credits: __, ...plain } = active;
  expect((await read(key, active.id)).body).toEqual(plain);
  try {
    meterr().clock.advance(60_000);
    for (const [{ id }, status] of [
      [active, 'active'],
      [settled, 'settled'],
      [released, 'released'],
      [expired, 'expired'],
    ] as const) {
      expect((await read(key, id)).body).toMatchObject({ id, status, amount: '0.0075', tokens: 1_500 });
      expect(await meterr().data('query ($id: ID!) { hold(id: $id) { status } }', { id }, { key })).toEqual({
        hold: { status: status.toUpperCase() },
      });
    }
    expect((await readAll<HoldAnswer>(meterr(), '/v1/usage/holds', key)).map(({ status }) => status).sort()).toEqual([
      'active',
      'expired',
      'released',
      'settled',
    ]);
  } finally {
    meterr().clock.set(DEFAULT_NOW);
  }
});

it('holds are listed newest first, page by page, each once', async () => {
  const { secret: key } = (await makeOrganization(meterr())).key;
  const made: string[] = [];
  for (let i = 0; i < 5; i++) {
    meterr().clock.advance(1);
    made.unshift((await hold(key)).id);
  }
  meterr().clock.set(DEFAULT_NOW);
  const page = (query: string) => meterr().ok<ListAnswer<HoldAnswer>>('GET', `/v1/usage/holds?${query}`, { key });
  const first = await page('limit=3');
  const second = await page(`limit=3&cursor=${first.next_cursor}`);
  expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(made);
  expect([first.has_more, second.has_more, second.next_cursor]).toEqual([true, false, null]);
  const query = '{ holds(first: 1) { edges { node { id } } pageInfo { hasNextPage } } }';
  expect(await meterr().data(query, {}, { key })).toEqual({
    holds: { edges: [{ node: { id: made[0] } }], pageInfo: { hasNextPage: true } },
  });
});

it('a hold of another organization or team is answered like one that is not there', async () => {
  const [mine, theirs] = [await makeOrganization(meterr()), await makeOrganization(meterr())];
  const team = await makeTeam(meterr(), mine);
  const bound = await makeKey(meterr(), mine, { scopes: ['usage:read', 'usage:write'], team });
  const [whole, own] = [await hold(mine.key.secret), await hold(bound.secret)];
  const none = await read(theirs.key.secret, noId('hold'));
  expect([none.status, none.error?.code]).toEqual([404, 'not_found']);
  expect((await read(theirs.key.secret, whole.id)).body).toEqual(none.body);
  expect((await read(bound.secret, whole.id)).body).toEqual(none.body);
  expect((await read(bound.secret, own.id)).status).toBe(200);
  expect((await readAll<HoldAnswer>(meterr(), '/v1/usage/holds', bound.secret)).map(({ id }) => id)).toEqual([own.id]);
  expect(await readAll(meterr(), '/v1/usage/holds', theirs.key.secret)).toEqual([]);
});
