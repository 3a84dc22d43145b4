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

/** Something that happened, as it is told: data in camelCase, ids as TypeIDs. */
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
  data: Record<string, unknown>;
}

interface BudgetData {
  budgetId: string;
  teamId: string | null;
  unit: 'usd' | 'tokens';
  limit: string;
  current: string;
  periodStart: string;
  periodEnd: string;
  per: string | null;
  subject: string | null;
  threshold?: number;
}

/** A subject as the wire has it: teams and keys by their TypeIDs. */
export function formatSubject(per: string | null, subject: string | null): string | null {
  if (subject === null) return null;
  if (per === 'team') return formatId('team', subject);
  return per === 'api_key' ? formatId('apiKey', subject) : subject;
}

function describeBudgetData(data: BudgetData): Record<string, unknown> {
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
    ...(threshold === undefined ? {} : { threshold }),
  };
}

function isBudgetData(data: object): data is BudgetData {
  return 'budgetId' in data && 'unit' in data;
}

/** A row of the log as it is told. */
export function describeEvent({ id, position, type, created_at: createdAt, data }: EventRow): LoggedEvent {
  const entries = Object.entries(data);
  const told = isBudgetData(data)
    ? describeBudgetData(data)
    : Object.fromEntries(entries.map(([key, value]) => [key, typeof value === 'string' ? plainDecimal(value) : value]));
  return { id, position, type, createdAt, data: told };
}
