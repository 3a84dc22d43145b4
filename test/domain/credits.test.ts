import { describe, expect, it } from 'vitest';
import { verifyCredits } from '../../src/domain/credits/verify-credits.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import { readEvents } from '../doors/budget-answers.ts';
import { DEFAULT_NOW } from '../harness/app.ts';
import { EVENT, type MadeOrganization, makeOrganization, makeUsage } from '../harness/make.ts';
import { OPERATOR_KEY } from '../harness/operator-key.ts';
import { useTwoServers } from '../harness/processes/two-servers.ts';

// Grants, their order and their end: two server processes on one database.

const two = useTwoServers();
const NOW_MS = Date.parse(DEFAULT_NOW);
const HOUR_MS = 3_600_000;
const inHours = (hours: number) => new Date(NOW_MS + hours * HOUR_MS).toISOString();

const newPayer = (): Promise<MadeOrganization> => makeOrganization(two(), { credits: 'prepaid' });
const grant = ({ key }: MadeOrganization, amount: string, more: object = {}) =>
  two()
    .server(0)
    .ok('POST', '/v1/credits/grants', { key: key.secret, body: { amount, ...more } });
const creditsOf = ({ key }: MadeOrganization, n = 1) => two().server(n).ok('GET', '/v1/credits', { key: key.secret });
const use = async ({ key }: MadeOrganization, cost: string) =>
  (await makeUsage(two().server(1), key.secret, [{ cost }]))[0] ?? '';
const reverse = ({ key }: MadeOrganization, id: string, n = 0) =>
  two()
    .server(n)
    .ok('POST', `/v1/usage/${id}/void`, { key: key.secret, body: { reason: 'a test' } });
const toldTo = async ({ key }: MadeOrganization) =>
  (await readEvents<object>(two().server(0), key.secret)).map(({ event }) => event);

async function verifyAll() {
  const database = openDatabase({ connectionString: two().connectionString, connections: 1, onError: () => {} });
  return verifyCredits(database).finally(() => database.close());
}

async function remainingOf({ uuid }: MadeOrganization): Promise<string[]> {
  const { rows } = await two().sql.query(
    'SELECT trim_scale(remaining)::text AS remaining FROM credit_grants WHERE organization_id = $1 ORDER BY note',
    [uuid],
  );
  return rows.map(({ remaining }) => remaining);
}

async function at<T>(hours: number, work: () => Promise<T>): Promise<T> {
  await two().setNow(NOW_MS + hours * HOUR_MS);
  return work().finally(() => two().setNow(NOW_MS));
}

describe('usage', () => {
  it('burns what expires soonest, after what a priority puts first', async () => {
    const payer = await newPayer();
    await grant(payer, '1', { note: 'd, never' });
    await grant(payer, '1', { note: 'c, late', expires_at: inHours(9) });
    await grant(payer, '1', { note: 'b, soon', expires_at: inHours(2) });
    await grant(payer, '1', { note: 'a, first', priority: -1 });
    await grant(payer, '1', { note: 'e, last', priority: 1, expires_at: inHours(1) });
    const steps: string[][] = [];
    for (const cost of ['0.5', '1', '1', '1', '1', '1']) {
      await use(payer, cost);
      steps.push(await remainingOf(payer));
    }
    expect(steps).toEqual([
      ['0.5', '1', '1', '1', '1'],
      ['0', '0.5', '1', '1', '1'],
      ['0', '0', '0.5', '1', '1'],
      ['0', '0', '0', '0.5', '1'],
      ['0', '0', '0', '0', '0.5'],
      ['0', '0', '0', '0', '0'],
    ]);
    expect(await creditsOf(payer)).toMatchObject({ used: '5.5', available: '-0.5' });
    await grant(payer, '3', { note: 'f, covers what was owed' });
    expect((await remainingOf(payer)).at(-1)).toBe('2.5');
    expect(await creditsOf(payer)).toMatchObject({ granted: '8', available: '2.5' });
  });

  it('that is void gives back to what is owed first, then to the grants it can have come from', async () => {
    const payer = await newPayer();
    await grant(payer, '1', { note: 'a', expires_at: inHours(2) });
    await grant(payer, '2', { note: 'b' });
    const [first, second] = [await use(payer, '1.5'), await use(payer, '2.5')];
    expect(await creditsOf(payer)).toMatchObject({ available: '-1' });
    await Promise.all(Array.from({ length: 6 }, (_, n) => reverse(payer, second, n)));
    expect(await remainingOf(payer)).toEqual(['0', '1.5']);
    await reverse(payer, first);
    expect(await remainingOf(payer)).toEqual(['1', '2']);
    expect(await creditsOf(payer)).toMatchObject({ used: '0', expired: '0', available: '3' });
  });

  it('that is void after its grant has expired gives back nothing that can be spent', async () => {
    const payer = await newPayer();
    await grant(payer, '5', { expires_at: inHours(2) });
    const used = await use(payer, '4');
    await at(3, async () => {
      await reverse(payer, used);
      expect(await creditsOf(payer)).toMatchObject({ used: '0', expired: '5', available: '0' });
    });
  });

  it('that is void gives back what it took, also while the organization does not prepay, and once', async () => {
    const payer = await newPayer();
    await grant(payer, '10');
    const [first, second] = [await use(payer, '4'), await use(payer, '3')];
    const turn = (credits: string) =>
      two().server(0).ok('PATCH', `/v1/organizations/${payer.id}`, { key: OPERATOR_KEY, body: { credits } });
    await turn('none');
    const free = await use(payer, '5');
    await Promise.all([first, free, first, first].map((id, n) => reverse(payer, id, n)));
    expect(await creditsOf(payer)).toMatchObject({ mode: 'none', used: '3', available: '7' });
    expect(await verifyAll()).toEqual([]);
    await turn('prepaid');
    await Promise.all([reverse(payer, first, 0), reverse(payer, second, 1), reverse(payer, free, 0)]);
    expect(await creditsOf(payer)).toMatchObject({ used: '0', available: '10' });
    expect(await verifyAll()).toEqual([]);
    await two().sql.query("DELETE FROM credit_entries WHERE organization_id = $1 AND cause = 'void' AND amount = 3", [
      payer.uuid,
    ]);
    await two().sql.query('UPDATE credit_grants SET remaining = 7 WHERE organization_id = $1', [payer.uuid]);
    expect(await verifyAll()).toMatchObject([{ table: 'credit_entries (voids)', kept: 'nothing' }]);
    await two().sql.query('DELETE FROM credit_entries WHERE organization_id = $1', [payer.uuid]);
    await two().sql.query('DELETE FROM credit_grants WHERE organization_id = $1', [payer.uuid]);
  });

  it('from before an organization prepaid gives back nothing when it is void: it took nothing', async () => {
    const organization = await makeOrganization(two());
    const free = await use(organization, '3');
    await two().sql.query(`UPDATE organizations SET credits_mode = 'prepaid' WHERE id = $1`, [organization.uuid]);
    await grant(organization, '10');
    await use(organization, '4');
    await reverse(organization, free);
    expect(await creditsOf(organization)).toMatchObject({ used: '4', available: '6' });
  });
});

describe('a grant that expires', () => {
  it('is out of the balance from that millisecond on, with nothing running, once', async () => {
    const payer = await newPayer();
    await grant(payer, '10', { expires_at: inHours(1) });
    await grant(payer, '2');
    await use(payer, '3');
    const last = await at(1 - 1 / HOUR_MS, () => creditsOf(payer));
    expect(last).toMatchObject({ expired: '0', available: '9' });
    await at(1, async () => {
      const reads = await Promise.all(Array.from({ length: 8 }, (_, n) => creditsOf(payer, n)));
      for (const read of reads) expect(read).toMatchObject({ granted: '12', used: '3', expired: '7', available: '2' });
      const { data } = await two()
        .server(0)
        .ok<{ data: { cause: string; amount: string }[] }>('GET', '/v1/credits/ledger', { key: payer.key.secret });
      expect(data.filter(({ cause }) => cause === 'expiry')).toMatchObject([{ amount: '-7' }]);
    });
  });

  it('pays for no hold, and leaves the holds that were made before as they are', async () => {
    const payer = await newPayer();
    const hold = (n: number, amount: string) =>
      two()
        .server(n)
        .rest('POST', '/v1/usage/holds', {
          key: payer.key.secret,
          body: { ...EVENT, output_tokens: undefined, max_output_tokens: 1, amount, expires_in: 3_600 },
        });
    await grant(payer, '10', { expires_at: inHours(0.5) });
    expect((await hold(0, '8')).status).toBe(201);
    await at(0.5, async () => {
      const refused = await hold(1, '0.01');
      expect(refused.error?.details).toEqual({ required: '0.01', available: '-8' });
      expect(await creditsOf(payer)).toMatchObject({ expired: '10', held: '8', available: '-8' });
    });
  });

  it('that leaves nothing is told by whoever comes to it first: a hold', async () => {
    const payer = await newPayer();
    await grant(payer, '10', { expires_at: inHours(1) });
    await at(1, async () => {
      const ask = (n: number) =>
        two()
          .server(n)
          .rest('POST', '/v1/usage/holds', {
            key: payer.key.secret,
            body: { provider: 'openai', model: 'gpt-4o', input_tokens: 10, max_output_tokens: 10 },
          });
      const answers = await Promise.all(Array.from({ length: 6 }, (_, n) => ask(n)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 402));
      const told = await readEvents<object>(two().server(0), payer.key.secret);
      const created_at = inHours(1);
      const data = { available: '0', granted: '0' };
      expect(told).toMatchObject([
        { event: 'credits.low', created_at, data },
        { event: 'credits.exhausted', created_at, data },
      ]);
    });
  });
});

describe('credits.low and credits.exhausted', () => {
  it('are told once for each time it comes to it, by however many writers', async () => {
    const payer = await newPayer();
    await grant(payer, '10');
    const writers = Array.from({ length: 24 }, (_, n) =>
      two()
        .server(n)
        .ok('POST', '/v1/usage', { key: payer.key.secret, body: { ...EVENT, cost: '0.5' } }),
    );
    await Promise.all(writers);
    expect(await toldTo(payer)).toEqual(['credits.low', 'credits.exhausted']);
    await grant(payer, '12');
    await use(payer, '9.5');
    expect(await toldTo(payer)).toEqual(['credits.low', 'credits.exhausted', 'credits.low']);
    await use(payer, '0.5');
    expect(await toldTo(payer)).toHaveLength(4);
  });

  it('are not told of what is only held, nor of usage that costs nothing to who never had any', async () => {
    const payer = await newPayer();
    await use(payer, '0');
    expect(await toldTo(payer)).toEqual([]);
    await grant(payer, '10');
    const body = { provider: 'openai', model: 'gpt-4o', input_tokens: 1, max_output_tokens: 1, amount: '9.9' };
    await two().server(0).ok('POST', '/v1/usage/holds', { key: payer.key.secret, body });
    await use(payer, '0.05');
    expect(await toldTo(payer)).toEqual([]);
    await use(payer, '9');
    expect(await toldTo(payer)).toEqual(['credits.low']);
  });
});
