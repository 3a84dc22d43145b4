import { plainDecimal } from '../../platform/money.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import { findPosition } from '../../platform/postgres/find-position.ts';
import { where } from '../../platform/postgres/where.ts';
import type { Context } from '../context.ts';
import { requireCredits } from './require-credits.ts';

export const CREDIT_CURSOR = 'credit';
export const CREDIT_CAUSES = ['grant', 'usage', 'hold_settled', 'void', 'price_adjustment', 'expiry'] as const;
export type CreditCause = (typeof CREDIT_CAUSES)[number];

/**
 * One movement of the ledger of credits. Ids are UUIDs; the amount is a decimal string, negative
 * where money went.
 */
export interface CreditEntry {
  id: string;
  at: Date;
  cause: CreditCause;
  amount: string;
  grantId: string | null;
  usageEventId: string | null;
  holdId: string | null;
}

interface Row {
  id: string;
  at: Date;
  cause: CreditCause;
  amount: string;
  grant_id: string | null;
  usage_event_id: string | null;
  hold_id: string | null;
}

/**
 * Every movement of the credits, newest first. Their sum is the balance.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listCreditEntries(
  { caller, resources }: Context,
  question: PageInput,
): Promise<Page<CreditEntry>> {
  requireCredits(caller, 'credits:read');
  const size = readPageSize(question.first);
  const { pool } = resources.database;
  const afterId = parseUuidCursor(CREDIT_CURSOR, question.after);
  // Positions are numbered over all organizations, so a cursor must not show one.
  // An entry of 0 says only that credits pay for an event whose price may become known.
  const own = where('organization_id = $? AND amount <> 0', caller.organization.id);
  const after = afterId && (await findPosition(pool, 'credit_entries', own, afterId));
  const { text, values } = after === null ? own : own.and('position < $?::bigint', after);
  const { rows } = await pool.query<Row>(
    `SELECT id, at, cause, amount, grant_id, usage_event_id, hold_id FROM credit_entries
      WHERE ${text} ORDER BY position DESC LIMIT ${size + 1}`,
    values,
  );
  const items = rows.slice(0, size).map((row) => ({
    id: row.id,
    at: row.at,
    cause: row.cause,
    amount: plainDecimal(row.amount) ?? '0',
    grantId: row.grant_id,
    usageEventId: row.usage_event_id,
    holdId: row.hold_id,
  }));
  return { items, hasMore: rows.length > size };
}
