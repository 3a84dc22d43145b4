import { formatScaled, MONEY_SCALE, parseScaled } from '../../platform/money.ts';
import type { Tags } from '../usage/usage-event.ts';
import type { Budget, BudgetAction, BudgetPeriod, BudgetUnit } from './budget.ts';

export interface BudgetRow {
  organization_id: string;
  id: string;
  name: string;
  unit: BudgetUnit;
  amount: string;
  raise_amount: string | null;
  raise_until: Date | null;
  period: BudgetPeriod;
  timezone: string;
  team_id: string | null;
  user_id: string | null;
  provider: string | null;
  model: string | null;
  api_key_id: string | null;
  tags: Tags | null;
  per: string | null;
  thresholds: number[];
  action: BudgetAction;
  created_at: Date;
  updated_at: Date;
}

/** NUMERIC comes with all its places; the wire wants none that say nothing. */
export function plainDecimal(text: string): string {
  const value = parseScaled(text, MONEY_SCALE);
  if (value === null) throw new Error(`the database holds a decimal that is none: ${text}`);
  return formatScaled(value, MONEY_SCALE);
}

/** A row of `budgets` as a budget. */
export function readBudget(row: BudgetRow): Budget {
  return {
    organizationId: row.organization_id,
    id: row.id,
    name: row.name,
    unit: row.unit,
    amount: plainDecimal(row.amount),
    raiseAmount: row.raise_amount === null ? null : plainDecimal(row.raise_amount),
    raiseUntil: row.raise_until,
    period: row.period,
    timezone: row.timezone,
    scope: {
      teamId: row.team_id,
      userId: row.user_id,
      provider: row.provider,
      model: row.model,
      apiKeyId: row.api_key_id,
      tags: row.tags,
    },
    per: row.per,
    thresholds: row.thresholds,
    action: row.action,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
