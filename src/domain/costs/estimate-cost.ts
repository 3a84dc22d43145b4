import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import type { UsageEvent } from '../usage/event/usage-event.ts';
import type { UsageInput } from '../usage/event/usage-input.ts';
import { type CostBreakdownLine, explainCost } from '../usage/explain-cost.ts';
import { normalizeUsage } from '../usage/prepare/normalize-usage.ts';

export interface CostEstimate
  extends Pick<
    UsageEvent,
    | 'provider'
    | 'model'
    | 'serviceTier'
    | 'cost'
    | 'computedCost'
    | 'costSource'
    | 'priceId'
    | 'unpricedReason'
    | 'warnings'
  > {
  costBreakdown: CostBreakdownLine[];
}

/**
 * Returns what an event would cost if it were recorded; records nothing.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function estimateCost(context: Context, input: UsageInput): Promise<CostEstimate> {
  requireScope(context.caller, 'costs:read');
  const { event } = normalizeUsage(context, input);
  const { provider, model, serviceTier, cost, computedCost, costSource, priceId, unpricedReason, warnings } = event;
  const costBreakdown = await explainCost(context, event);
  return {
    provider,
    model,
    serviceTier,
    cost,
    computedCost,
    costSource,
    priceId,
    unpricedReason,
    warnings,
    costBreakdown,
  };
}
