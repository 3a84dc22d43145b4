import type { Database } from '../../platform/postgres/database.ts';
import { type CreatedOrganization, insertOrganization } from './insert-organization.ts';

/** Serialises first runs over processes; any number that nothing else locks. */
const ADVISORY_LOCK = 6_384_377_003;

/**
 * Makes the first organization where there is none. It is whoever runs this server, so no plan limits it. Processes
 * that start at once take turns; the second finds the first one's.
 *
 * @param keep told the owner's secret before it becomes valid: a crash at any line leaves no key that nobody has
 * @returns null when there was one
 */
export async function createFirstOrganization(
  database: Database,
  keep: (created: CreatedOrganization) => Promise<void>,
): Promise<CreatedOrganization | null> {
  const isAny = async () => (await database.pool.query('SELECT FROM organizations LIMIT 1')).rows.length > 0;
  if (await isAny()) return null;
  return database.transaction(async (sql) => {
    await sql.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    if (await isAny()) return null;
    const organization = { name: 'My organization', plan: 'enterprise', creditsMode: 'none' } as const;
    const created = await insertOrganization(sql, organization);
    await keep(created);
    return created;
  });
}
