import { parseMoney } from '../../../platform/money.ts';
import { type AdjustmentRow, applyAdjustments } from '../../usage/adjust/adjustment-rows.ts';
import type { UsageEvent } from '../../usage/event/usage-event.ts';
import { type ChargeLine, CORRECTION } from './charge.ts';
import type { ChargedEvent } from './read-charged-events.ts';

function toCorrection({ cost, recorded_at, details }: AdjustmentRow, { model }: UsageEvent): ChargeLine {
  return {
    unit: CORRECTION,
    skuModel: model,
    quantity: 0,
    amount: parseMoney(cost) ?? 0n,
    unitPrice: null,
    isUnpriced: false,
    correction: { reason: details?.adjustment?.reason ?? 'priced_later', day: recorded_at.toISOString().slice(0, 10) },
  };
}

/**
 * What an event cost when its month ended, and what was changed later. The month is that of UTC.
 * @param charged its event is changed in place
 */
export function applyUntilMonthEnd({ event, changes }: ChargedEvent): { event: UsageEvent; later: ChargeLine[] } {
  if (changes.length === 0) return { event, later: [] };
  const time = new Date(event.timeMs);
  const monthEndMs = Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + 1, 1);
  const first = changes.findIndex(({ recorded_at }) => recorded_at.getTime() >= monthEndMs);
  const within = first < 0 ? changes.length : first;
  applyAdjustments(event, changes.slice(0, within));
  return { event, later: changes.slice(within).map((row) => toCorrection(row, event)) };
}
