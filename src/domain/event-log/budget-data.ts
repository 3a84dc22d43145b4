import { z } from 'zod';
import { formatId } from '../../platform/ids.ts';
import { toAmount } from './amount.ts';
import { field, nullableField, type PayloadField } from './payload-field.ts';

/**
 * What the SQL function `raise_crossings` writes of a budget's counter. Ids are UUIDs, amounts
 * NUMERIC at full scale.
 */
export const budgetData = z.object({
  budgetId: z.string(),
  teamId: z.string().nullable(),
  unit: z.enum(['usd', 'tokens']),
  limit: z.string(),
  current: z.string(),
  periodStart: z.string(),
  periodEnd: z.string(),
  per: z.string().nullable(),
  /** Null where the budget counts all together. */
  subject: z.string().nullable(),
  /** How often this limit was crossed in this period; a threshold is crossed once. */
  crossing: z.number(),
});
type BudgetData = z.infer<typeof budgetData>;

/** `threshold` is in percent. */
export const thresholdData = budgetData.extend({ threshold: z.number() });

/** A subject as the wire has it: teams and keys by their TypeIDs. */
export function formatSubject(per: string | null, subject: string | null): string | null {
  if (subject === null) return null;
  if (per === 'team') return formatId('team', subject);
  return per === 'api_key' ? formatId('apiKey', subject) : subject;
}

const toTime = (time: string) => new Date(time).toISOString();

/** What each event of a budget tells. */
export const BUDGET_FIELDS: Readonly<Record<string, PayloadField<BudgetData>>> = {
  teamId: nullableField(
    'id',
    'The team that the budget or the subject belongs to.',
    ({ teamId }) => teamId && formatId('team', teamId),
  ),
  limit: field('amount', "The budget's limit.", ({ unit, limit }) => toAmount(unit, limit)),
  current: field('amount', 'What was used in the period by then.', ({ unit, current }) => toAmount(unit, current)),
  budgetId: field('id', 'The budget.', ({ budgetId }) => formatId('budget', budgetId)),
  unit: field('unit', 'What `limit` and `current` are counted in.', ({ unit }) => unit),
  periodStart: field('time', 'Start of the period, inclusive.', ({ periodStart }) => toTime(periodStart)),
  periodEnd: field('time', 'End of the period, exclusive.', ({ periodEnd }) => toTime(periodEnd)),
  subject: nullableField(
    'string',
    'The team id, user id, API key id or tag value that is counted on its own; null where the budget counts all together.',
    ({ per, subject }) => formatSubject(per, subject),
  ),
  crossing: field(
    'count',
    'How often the limit was crossed in this period: 1 at first, more after it had recovered.',
    ({ crossing }) => crossing,
  ),
};
