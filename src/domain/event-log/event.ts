import { z } from 'zod';
import { formatId } from '../../platform/ids.ts';
import { plainDecimal } from '../../platform/money.ts';
import { toAmount } from './amount.ts';

export const EVENT_TYPES = [
  'usage.exceeded',
  'budget.threshold_reached',
  'budget.recovered',
  'credits.low',
  'credits.exhausted',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Something that happened, as callers see it: data in camelCase, ids as TypeIDs. */
export interface LoggedEvent {
  /** UUID. */
  id: string;
  position: number;
  type: EventType;
  createdAt: Date;
  data: Record<string, unknown>;
}

export interface EventRow {
  id: string;
  position: number;
  type: EventType;
  created_at: Date;
  data: unknown;
}

/**
 * What the SQL function `raise_crossings` writes of a budget's counter. Ids are UUIDs, amounts
 * NUMERIC at full scale.
 */
const budgetData = z.object({
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
  /** Percent; missing where the limit itself is meant. */
  threshold: z.number().optional(),
});

/**
 * What `raise_credit_events` writes of an organization's credits: NUMERIC at full scale, in USD.
 */
const creditData = z.object({ granted: z.string(), available: z.string() });

/** A subject as the wire has it: teams and keys by their TypeIDs. */
export function formatSubject(per: string | null, subject: string | null): string | null {
  if (subject === null) return null;
  if (per === 'team') return formatId('team', subject);
  return per === 'api_key' ? formatId('apiKey', subject) : subject;
}

function describeBudgetData(data: z.infer<typeof budgetData>): Record<string, unknown> {
  const { unit, threshold } = data;
  return {
    teamId: data.teamId && formatId('team', data.teamId),
    limit: toAmount(unit, data.limit),
    current: toAmount(unit, data.current),
    budgetId: formatId('budget', data.budgetId),
    unit,
    periodStart: new Date(data.periodStart).toISOString(),
    periodEnd: new Date(data.periodEnd).toISOString(),
    subject: formatSubject(data.per, data.subject),
    crossing: data.crossing,
    ...(threshold === undefined ? {} : { threshold }),
  };
}

function describeCreditData({ granted, available }: z.infer<typeof creditData>): Record<string, unknown> {
  return { granted: plainDecimal(granted), available: plainDecimal(available) };
}

/** @throws Error where the data is not what the SQL functions write for events of this type */
function describeData(type: EventType, data: unknown): Record<string, unknown> {
  switch (type) {
    case 'usage.exceeded':
    case 'budget.threshold_reached':
    case 'budget.recovered':
      return describeBudgetData(budgetData.parse(data));
    case 'credits.low':
    case 'credits.exhausted':
      return describeCreditData(creditData.parse(data));
    default:
      throw new Error(`nothing raises events of the type ${type}`);
  }
}

/**
 * A row of the log as callers see it. @throws Error where its data is not what the SQL functions
 * write
 */
export function describeEvent({ id, position, type, created_at: createdAt, data }: EventRow): LoggedEvent {
  return { id, position, type, createdAt, data: describeData(type, data) };
}
