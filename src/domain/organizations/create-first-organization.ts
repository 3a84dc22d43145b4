import { formatId } from '../../platform/ids.ts';
import { recordAudit, SERVER } from '../audit/record-audit.ts';
import type { Resources } from '../context.ts';
import { insertOrganization } from './insert-organization.ts';
import { describeOrganization } from './organization.ts';

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
  { database, clock }: Pick<Resources, 'database' | 'clock'>,
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
    const made = await insertOrganization(models, organization);
    const { id, apiKey } = made;
    await recordAudit(models, SERVER, {
      organizationId: id,
      action: 'organization.created',
      targetId: formatId('organization', id),
      before: null,
      after: { ...describeOrganization(made), apiKeyId: formatId('apiKey', apiKey.id) },
      atMs: clock(),
    });
    const created = { organizationId: id, apiKeyId: apiKey.id, secret: apiKey.secret };
    await keep(created);
    return created;
  });
}
