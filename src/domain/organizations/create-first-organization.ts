import type { Database } from '../../platform/postgres/database.ts';
import { insertOrganization } from './insert-organization.ts';

/** The ids are UUIDs. */
export interface CreatedOrganization {
  organizationId: string;
  /** Of the owner's key, with the scope `admin`. */
  apiKeyId: string;
  /** Shown once: only its hash is stored. */
  secret: string;
}

/** Serialises first runs over processes; any number that nothing else locks. */
const ADVISORY_LOCK = 6_384_377_003;

/**
 * Makes the first organization where there is none. It is whoever runs this server, so no plan
 * limits it. Processes that start at once take turns; the second finds the first one's.
 *
 * @param keep receives the owner's secret before it becomes valid: a crash at any line leaves no
 * key that nobody has
 * @returns null when there was one
 */
export async function createFirstOrganization(
  database: Database,
  keep: (created: CreatedOrganization) => Promise<void>,
): Promise<CreatedOrganization | null> {
  // Prisma's first query takes a tenth of a second or more: only the first start of all waits for
  // it.
  const { rows } = await database.pool.query('SELECT FROM organizations LIMIT 1');
  if (rows.length > 0) return null;
  return database.change(async (models) => {
    await models.$executeRaw`SELECT pg_advisory_xact_lock(${ADVISORY_LOCK})`;
    if (await models.organization.findFirst({ select: { id: true } })) return null;
    const organization = { name: 'My organization', plan: 'enterprise', creditsMode: 'none' } as const;
    const { id, apiKey } = await insertOrganization(models, organization);
    const created = { organizationId: id, apiKeyId: apiKey.id, secret: apiKey.secret };
    await keep(created);
    return created;
  });
}
