import { plainDecimal } from '../../platform/money.ts';
import type { Tags } from '../input/read-tags.ts';
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
