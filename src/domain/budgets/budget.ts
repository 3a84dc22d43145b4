import type { CalendarUnit, TimeSpan } from '../../platform/calendar.ts';
import type { Tags } from '../input/read-tags.ts';

export const BUDGET_PERIODS = ['day', 'week', 'month', 'quarter', 'year', 'total'] as const satisfies readonly (
  | CalendarUnit
  | 'total'
)[];
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

export const BUDGET_ACTIONS = ['alert', 'block'] as const;
export type BudgetAction = (typeof BUDGET_ACTIONS)[number];

export type BudgetUnit = 'usd' | 'tokens';

/** What a budget counts: all that matches every part that is set. Ids are UUIDs. */
export interface BudgetScope {
  teamId: string | null;
  userId: string | null;
  provider: string | null;
  model: string | null;
  apiKeyId: string | null;
  tags: Tags | null;
}

/** A rule: how much may be used in a period. Amounts are decimal strings, in USD or in tokens. */
export interface Budget {
  organizationId: string;
  id: string;
  name: string;
  unit: BudgetUnit;
  amount: string;
  /** Added to the amount until `raiseUntil`. */
  raiseAmount: string | null;
  raiseUntil: Date | null;
  /** Whether what the end of the raise uncovers was announced. */
  raiseEnded: boolean;
  period: BudgetPeriod;
  timezone: string;
  scope: BudgetScope;
  /** `team`, `user`, `api_key` or `tag:KEY`: each value is counted on its own. */
  per: string | null;
  /** Percent of the limit, ascending. */
  thresholds: number[];
  action: BudgetAction;
  /**
   * Start of the period it was made in: a missing counter of that time or later has nothing to
   * count yet.
   */
  countedFrom: Date;
  createdAt: Date;
  updatedAt: Date;
  /** When its team was deleted: from then on it counts and blocks no more. */
  endedAt: Date | null;
}

/** The one period of a budget without any: all time that PostgreSQL's ids of events can name. */
export const ALL_TIME: TimeSpan = { startMs: 0, endMs: Date.UTC(9999, 11, 31) };
