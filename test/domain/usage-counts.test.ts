import { expect, it } from 'vitest';
import {
  COUNTS_BY_TOTAL,
  countsOf,
  USAGE_COUNTS,
  type UsageCounts,
} from '../../src/domain/pricing/price/usage-counts.ts';
import { findUsageEvent } from '../../src/domain/usage/find-usage-event.ts';
import { recordUsage } from '../../src/domain/usage/record-usage.ts';
import { recordUsageBatch } from '../../src/domain/usage/record-usage-batch.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { voidUsage } from '../../src/domain/usage/void-usage.ts';
import { formatId } from '../../src/platform/ids.ts';
import { useTestDomain } from '../harness/domain.ts';
import { EVENT_INPUT, makeOrganization } from '../harness/make.ts';

const domain = useTestDomain();

/** No two counts are the same, and each part is within its total. */
function distinctCounts(): UsageCounts {
  const given: Partial<UsageCounts> = {};
  for (const [index, { field, partOf }] of COUNTS_BY_TOTAL.entries())
    given[field] = (partOf ? 1 : 1_000) * (50 - index);
  return countsOf(given);
}

it.each(['alone', 'in a batch'])(
  'every count of an event that is recorded %s is kept, each in its own column',
  async (how) => {
    const context = await domain().contextOf(await makeOrganization(domain()));
    const given = distinctCounts();
    const input = { ...EVENT_INPUT, ...given, id: 'counted' };
    if (how === 'alone') await recordUsage(context, input);
    else await recordUsageBatch(context, [input, { ...EVENT_INPUT, id: 'another' }]);
    const columns = USAGE_COUNTS.map(({ field, column }) => `${column} AS "${field}"`).join(', ');
    const { rows } = await domain().sql.query<UsageCounts & { id: string }>(
      `SELECT id, ${columns} FROM usage_events WHERE organization_id = $1 AND event_id = 'counted'`,
      [context.caller.organization.id],
    );
    expect(rows).toMatchObject([given]);
    const id = rows[0]?.id ?? '';
    expect(await findUsageEvent(context, id)).toMatchObject(given);

    await voidUsage(context, { id: formatId('usageEvent', id), reason: 'a test' });
    const sums = USAGE_COUNTS.map(({ field, column }) => `sum(${column})::int AS "${field}"`).join(', ');
    const { rows: left } = await domain().sql.query(
      `SELECT ${sums} FROM usage_events WHERE organization_id = $1 AND event_id <> 'another'`,
      [context.caller.organization.id],
    );
    expect(left).toEqual([countsOf({})]);
    expect(await verifyUsage(domain().resources.database)).toEqual([]);
  },
);
