import { beforeAll, describe, expect, it } from 'vitest';
import type { ListAnswer } from '../harness/answers.ts';
import { useTestApp } from '../harness/app.ts';
import { EVENT, type MadeOrganization, makeOrganization } from '../harness/make.ts';

// Events and movements of credits are numbered over all organizations.

const meterr = useTestApp();
const LISTS = ['/v1/events', '/v1/credits/ledger', '/v1/usage/history', '/v1/budgets', '/v1/audit-log'];
const UUID = /^[a-z]+:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

async function fill({ key }: MadeOrganization): Promise<void> {
  const { ok } = meterr();
  const budget = { name: 'Tiny', amount: '0.000001', period: 'day', thresholds: [50, 60, 70] };
  for (let i = 0; i < 2; i++) await ok('POST', '/v1/budgets', { key: key.secret, body: budget });
  for (let i = 0; i < 3; i++) await ok('POST', '/v1/credits/grants', { key: key.secret, body: { amount: '1' } });
  for (let i = 0; i < 3; i++) await ok('POST', '/v1/usage', { key: key.secret, body: EVENT });
}

const page = (path: string, { key }: MadeOrganization) =>
  meterr().ok<ListAnswer<object>>('GET', path, { key: key.secret });

describe('a cursor', () => {
  let mine: MadeOrganization;
  let theirs: MadeOrganization;

  beforeAll(async () => {
    [mine, theirs] = [await makeOrganization(meterr()), await makeOrganization(meterr())];
    await Promise.all([fill(mine), fill(theirs)]);
  });

  it.each(LISTS)('of %s shows an id of its own organization and no count over all', async (path) => {
    const { next_cursor: cursor } = await page(`${path}?limit=1`, mine);
    expect(Buffer.from(cursor ?? '', 'base64url').toString()).toMatch(UUID);
  });

  it.each(LISTS)('of %s leads through the whole list, each item once', async (path) => {
    const whole = await page(`${path}?limit=100`, mine);
    const items: object[] = [];
    let cursor = '';
    do {
      const one = await page(`${path}?limit=1${cursor && `&cursor=${cursor}`}`, mine);
      items.push(...one.data);
      cursor = one.next_cursor ?? '';
    } while (cursor !== '' && items.length < 100);
    expect(items.length).toBeGreaterThan(1);
    expect(items).toEqual(whole.data);
  });

  it.each(['/v1/events', '/v1/credits/ledger'])('of another organization is refused by %s', async (path) => {
    const { next_cursor: cursor } = await page(`${path}?limit=1`, theirs);
    const { status, error } = await meterr().rest('GET', `${path}?cursor=${cursor}`, { key: mine.key.secret });
    expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path: 'cursor' });
  });
});
