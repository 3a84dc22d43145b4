import { type AttoUsd, parseMoney } from '../../../platform/money.ts';
import type { ChargedBy } from '../../pricing/book/find-price-by-id.ts';
import type { Price } from '../../pricing/price/price.ts';
import { priceUsage } from '../../pricing/price/price-usage.ts';
import { splitUnits } from '../../pricing/price/split-units.ts';
import type { UsageEvent } from '../../usage/event/usage-event.ts';
import { type PricedPart, partsOf } from '../../usage/explain-cost.ts';
import { CALLER_COST, type ChargeLine, COMPUTED_COST } from './charge.ts';

const NO_PRICE = { unitPrice: 0n, amount: 0n, correction: null } as const;

function whole(event: UsageEvent, unit: string, amount: AttoUsd, isUnpriced: boolean): ChargeLine[] {
  const { model, requests } = event;
  return [{ unit, skuModel: model, quantity: requests, amount, unitPrice: null, isUnpriced, correction: null }];
}

/** What was counted, where nothing of it has a price: each token in one line, at 0. */
function countOnly(event: UsageEvent, isUnpriced: boolean): ChargeLine[] {
  const quantities = splitUnits(event, event.details?.units ?? {}, () => false);
  const lines = [...quantities].flatMap(([unit, quantity]): ChargeLine[] =>
    quantity > 0 ? [{ ...NO_PRICE, unit, skuModel: event.model, quantity, isUnpriced }] : [],
  );
  return lines.length > 0 ? lines : whole(event, 'requests', 0n, isUnpriced);
}

function linesOf(price: Price, { model, counts, units }: PricedPart, event: UsageEvent): ChargeLine[] {
  const skuModel = model ?? event.model;
  const { lines, unpriced } = priceUsage(price, counts, units);
  return [
    ...lines.map(({ unit, quantity, amount, unitPrice }) => {
      return { unit, skuModel, quantity, amount, unitPrice, isUnpriced: false, correction: null };
    }),
    ...unpriced.map(({ unit, quantity }) => ({ ...NO_PRICE, unit, skuModel, quantity, isUnpriced: true })),
  ];
}

/**
 * What an event is charged for. The amounts add up to its cost, whatever the prices say: where they
 * no longer explain it, it is one line.
 * @param findPrice what it was charged by; null where there is none
 */
export function listChargeLines(event: UsageEvent, findPrice: (charged: ChargedBy) => Price | null): ChargeLine[] {
  const cost = event.cost === null ? null : parseMoney(event.cost);
  if (cost === null) return countOnly(event, true);
  if (event.costSource === 'caller') return whole(event, CALLER_COST, cost, false);
  const lines = partsOf(event).flatMap((part) => {
    const price = findPrice(part);
    return price === null ? [] : linesOf(price, part, event);
  });
  const explained = lines.reduce((sum, { amount }) => sum + amount, 0n);
  if (explained !== cost) return whole(event, COMPUTED_COST, cost, false);
  return lines.length > 0 ? lines : countOnly(event, false);
}
