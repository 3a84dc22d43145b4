import { type FieldProblem, invalidRequest } from '../../platform/errors.ts';
import { formatId, newUuid } from '../../platform/ids.ts';
import { formatMoney, parseMoney, usd } from '../../platform/money.ts';
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

/**
 * Adds money to the credits; what was used beyond all grants before is covered from it first.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function grantCredits(context: Context, input: GrantInput): Promise<CreditGrant> {
  const { caller, resources } = context;
  requireCredits(caller, 'credits:write');
  const nowMs = resources.clock();
  const amount = formatMoney(checkGrant(input, nowMs));
  const organizationId = caller.organization.id;
  const id = newUuid(nowMs);
  const now = new Date(nowMs);
  const grant = { amount, expiresAt: input.expiresAt ?? null, priority: input.priority ?? 0, note: input.note ?? null };
  await resources.database.transaction(async (sql) => {
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
    await recordAudit(sql, context, { ...change, before: null, after: grant });
  });
  resources.notices.wake(organizationId);
  return { id, ...grant, createdAt: now };
}
