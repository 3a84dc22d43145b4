import { formatMoney, readNumeric } from '../../platform/money.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import type { CreditsModeName } from '../access/caller.ts';
import type { Context } from '../context.ts';
import { requireCredits } from './require-credits.ts';

/** Where an organization's credits stand. Decimal texts in USD. */
export interface CreditSummary {
  mode: CreditsModeName;
  granted: string;
  used: string;
  held: string;
  expired: string;
  /** granted - used - held - expired; below 0 where usage went beyond all grants. */
  available: string;
}

interface Row {
  credits_mode: CreditsModeName;
  granted: string;
  used: string;
  expired: string;
  held: string;
}

// Holds whose time is over are left out though nothing has swept them yet.
const SUMMARY = `
  SELECT o.credits_mode, coalesce(sum(e.amount) FILTER (WHERE e.cause = 'grant'), 0) AS granted,
         coalesce(-sum(e.amount) FILTER (WHERE e.cause NOT IN ('grant', 'expiry')), 0) AS used,
         coalesce(-sum(e.amount) FILTER (WHERE e.cause = 'expiry'), 0) AS expired,
         coalesce((SELECT sum(h.credit_amount) FROM holds h
                    WHERE h.organization_id = o.id AND h.status = 'active' AND h.expires_at > $2), 0) AS held
    FROM organizations o LEFT JOIN credit_entries e ON e.organization_id = o.id WHERE o.id = $1 GROUP BY o.id`;

/** Turns grants whose time is over into entries of the ledger, so that what is read is its sum. */
export async function turnOverExpired(sql: Sql, organizationId: string, now: Date): Promise<void> {
  await sql.query('SELECT lock_organization($1)', [organizationId]);
  await sql.query('SELECT expire_and_check_credits($1, $2)', [organizationId, now]);
}

/**
 * Where the credits stand now. The balance is the ledger's sum: a grant that has expired is out of
 * it from that moment on, whether or not anything ran.
 * @throws AppError insufficient_permissions
 */
export async function getCredits({ caller, resources }: Context): Promise<CreditSummary> {
  requireCredits(caller, 'credits:read');
  const { database, clock } = resources;
  const organizationId = caller.organization.id;
  const now = new Date(clock());
  const { rows: due } = await database.pool.query(
    'SELECT FROM credit_grants WHERE organization_id = $1 AND expires_at <= $2 AND remaining > 0 LIMIT 1',
    [organizationId, now],
  );
  if (due.length > 0) await database.transaction((sql) => turnOverExpired(sql, organizationId, now));
  const { rows } = await database.pool.query<Row>(SUMMARY, [organizationId, now]);
  const row = rows[0];
  if (!row) throw new Error('the caller has an organization');
  const [granted, used, held, expired] = [row.granted, row.used, row.held, row.expired].map(readNumeric) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  return {
    mode: row.credits_mode,
    granted: formatMoney(granted),
    used: formatMoney(used),
    held: formatMoney(held),
    expired: formatMoney(expired),
    available: formatMoney(granted - used - held - expired),
  };
}
