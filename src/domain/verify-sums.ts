import type { Database } from '../platform/postgres/database.ts';
import { verifyBudgets } from './budgets/verify-budgets.ts';
import { verifyCredits } from './credits/verify-credits.ts';
import { verifyResponses } from './usage/upkeep/verify-responses.ts';
import { verifyUsage } from './usage/upkeep/verify-usage.ts';

/**
 * Adds the ledger up again and compares it with everything that is derived from it. Only reads.
 * @returns one line for the first difference of each kind; none where every sum is right
 */
export async function verifySums(database: Database): Promise<string[]> {
  const usage = (await verifyUsage(database)).map(({ bucket, seriesId, ...rest }) => {
    return { ...rest, of: `${bucket}, series ${seriesId}` };
  });
  const differences = [
    ...usage,
    ...(await verifyResponses(database)),
    ...(await verifyBudgets(database)),
    ...(await verifyCredits(database)),
  ];
  return differences.map(({ table, organizationId, of, kept, summed }) => {
    const line = `${table}: organization ${organizationId}${of && `, ${of}`}: kept ${kept}, re-added ${summed}`;
    return line.replace(/\s+/g, ' ');
  });
}
