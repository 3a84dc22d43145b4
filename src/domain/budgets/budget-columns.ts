import { columnsOf } from '../../platform/postgres/columns.ts';
import type { Budget } from './budget.ts';

/** Where each field of a budget is stored. */
export const BUDGETS = columnsOf<Budget>(
  'budgets',
  {
    organizationId: 'organization_id',
    id: 'id',
    name: 'name',
    unit: 'unit',
    amount: 'amount',
    raiseAmount: 'raise_amount',
    raiseUntil: 'raise_until',
    raiseEnded: 'raise_ended',
    period: 'period',
    timezone: 'timezone',
    scope: {
      teamId: 'team_id',
      userId: 'user_id',
      provider: 'provider',
      model: 'model',
      apiKeyId: 'api_key_id',
      tags: 'tags',
    },
    per: 'per',
    thresholds: 'thresholds',
    action: 'action',
    countedFrom: 'counted_from',
    createdAt: 'created_at',
    updatedAt: 'updated_at',
    endedAt: 'ended_at',
  },
  ['amount', 'raiseAmount'],
  ['raiseUntil', 'countedFrom', 'createdAt', 'updatedAt', 'endedAt'],
);

/** A row `b` of the table as JSON that `BUDGETS.read` understands: NUMERIC is a string, never a number. */
export const BUDGET_JSON = `to_jsonb(b) || jsonb_build_object(
  'amount', b.amount::text, 'raise_amount', b.raise_amount::text)`;
