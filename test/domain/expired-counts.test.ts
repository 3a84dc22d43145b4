import { expect, it } from 'vitest';
import { removeExpiredCounts } from '../../src/platform/rate-limits/remove-expired-counts.ts';
import { useTestDomain } from '../harness/domain.ts';
import { makeOrganization } from '../harness/make.ts';

const domain = useTestDomain();
const HOUR_MS = 3_600_000;

it('counts of windows that are over are removed, however many there are, and those of this hour stay', async () => {
  const { resources, sql, contextOf } = domain();
  const organization = await makeOrganization(domain(), { plan: 'free' });
  const { caller } = await contextOf(organization);
  await resources.planLimits.consume(caller.organization, 7);
  const fill = 'INSERT INTO rate_limits SELECT $1 || n, 1, $2 FROM generate_series(1, $3) n';
  await sql.query(fill, ['over ', Date.now() - 1, 25_000]);
  await sql.query(fill, ['open ', Date.now() + HOUR_MS, 3]);
  expect(await removeExpiredCounts(resources.database)).toBe(25_000);
  const { rows } = await sql.query('SELECT count(*)::int AS count FROM rate_limits');
  expect(rows).toEqual([{ count: 4 }]);
  expect(await resources.planLimits.peek(caller.organization)).toMatchObject({
    limit: 100,
    remaining: 93,
    exceeded: false,
  });
});
