import { AppError, type FieldProblem, invalidField, invalidRequest } from '../../platform/errors.ts';
import { formatId, newUuid, parseId } from '../../platform/ids.ts';
import { formatMoney, parseMoney, usd } from '../../platform/money.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import type { CreditsByName } from '../access/caller.ts';
import { OPERATOR } from '../access/operator.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { turnOverExpired } from './get-credits.ts';
import { requireCredits } from './require-credits.ts';

export interface CreditGrant {
  id: string;
  amount: string;
  expiresAt: Date | null;
  priority: number;
  note: string | null;
  createdAt: Date;
}

export interface GrantInput {
  /** TypeID. The operator must say whose credits it grants; a key grants to its own organization. */
  organizationId?: string | null;
  /** A decimal string in USD. */
  amount: string;
  expiresAt?: Date | null;
  /** Lower burns first; then what expires soonest. */
  priority?: number | null;
  note?: string | null;
}

export const GRANT_LIMITS = { priority: 1_000, note: 500 } as const;
/** Sums of grants always fit. */
const MAX_GRANT_USD = 10n ** 12n;

function checkGrant(input: GrantInput, nowMs: number): bigint {
  const problems: FieldProblem[] = [];
  const amount = parseMoney(input.amount);
  const priority = input.priority ?? 0;
  if (amount === null || amount <= 0n) {
    problems.push({ path: 'amount', message: 'must be a decimal above 0 with at most 18 places' });
  } else if (amount > usd(MAX_GRANT_USD)) {
    problems.push({ path: 'amount', message: 'must be at most 10^12 USD' });
  }
  if (input.expiresAt && input.expiresAt.getTime() <= nowMs) {
    problems.push({ path: 'expiresAt', message: 'must be in the future' });
  }
  if (!Number.isInteger(priority) || Math.abs(priority) > GRANT_LIMITS.priority) {
    problems.push({
      path: 'priority',
      message: `must be a whole number from -${GRANT_LIMITS.priority} to ${GRANT_LIMITS.priority}`,
    });
  }
  if (
    input.note &&
    (input.note.length > GRANT_LIMITS.note || input.note.includes('\0') || !input.note.isWellFormed())
  ) {
    problems.push({
      path: 'note',
      message: `must have at most ${GRANT_LIMITS.note} characters, and must not contain NUL`,
    });
  }
  if (problems.length > 0 || amount === null) throw invalidRequest(problems);
  return amount;
}

/** @returns the UUID of the organization that gets the grant */
function readReceiver({ caller }: Context, id: string | null): string {
  if (caller !== OPERATOR) {
    requireCredits(caller, 'credits:write');
    if (id === null) return caller.organization.id;
    throw invalidField('organizationId', 'is for the operator key only; an API key grants to its own organization');
  }
  if (id === null) throw invalidField('organizationId', 'is required with the operator key');
  const uuid = parseId('organization', id);
  if (uuid === null) throw invalidField('organizationId', 'must be the id of an organization: org_...');
  return uuid;
}

/** Reads whose key may grant, under the organization's lock, which the caller has. */
async function requireGranter(sql: Sql, { caller }: Context, organizationId: string): Promise<void> {
  const text = 'SELECT credits_by FROM organizations WHERE id = $1';
  const { rows } = await sql.query<{ credits_by: CreditsByName }>(text, [organizationId]);
  const creditsBy = rows[0]?.credits_by;
  if (creditsBy === undefined) throw invalidField('organizationId', 'is not the id of an organization');
  if (caller === OPERATOR || creditsBy === 'organization') return;
  throw new AppError('insufficient_permissions', 'Only the operator grants credits to this organization.', {
    details: { requiredScope: 'operator' },
  });
}

/**
 * Adds money to the credits; what was used beyond all grants before is covered from it first. The
 * operator may grant to any organization. Its own keys may not where its `credits_by` is `operator`,
 * from the moment that this was committed.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function grantCredits(context: Context, input: GrantInput): Promise<CreditGrant> {
  const { resources } = context;
  const organizationId = readReceiver(context, input.organizationId ?? null);
  const nowMs = resources.clock();
  const amount = formatMoney(checkGrant(input, nowMs));
  const id = newUuid(nowMs);
  const now = new Date(nowMs);
  const grant = { amount, expiresAt: input.expiresAt ?? null, priority: input.priority ?? 0, note: input.note ?? null };
  await resources.database.transaction(async (sql) => {
    await sql.query('SELECT lock_organization($1)', [organizationId]);
    await requireGranter(sql, context, organizationId);
    await turnOverExpired(sql, organizationId, now);
    await sql.query(
      `INSERT INTO credit_grants (organization_id, id, amount, remaining, expires_at, priority, note, created_at)
       VALUES ($1, $2, $3, $3, $4, $5, $6, $7)`,
      [organizationId, id, amount, grant.expiresAt, grant.priority, grant.note, now],
    );
    await sql.query(
      `INSERT INTO credit_entries (organization_id, id, at, cause, amount, grant_id)
       VALUES ($1, uuid_v7_at($2), $2, 'grant', $3, $4)`,
      [organizationId, now, amount, id],
    );
    await sql.query('SELECT cover_overdraft($1, $2)', [organizationId, id]);
    await sql.query(
      `SELECT raise_credit_events($1, $2) FROM organizations WHERE id = $1 AND credits_mode = 'prepaid'`,
      [organizationId, now],
    );
    const change = { action: 'credits.granted', targetId: formatId('grant', id), atMs: nowMs };
    await recordAudit(sql, context, { organizationId, ...change, before: null, after: grant });
  });
  return { id, ...grant, createdAt: now };
}
