import { contentUuid } from '../../../platform/ids.ts';
import type { Price } from '../price/price.ts';

/** The time part of the ids of prices that have no start. */
const UNDATED_MS = Date.UTC(2020, 0, 1);

/**
 * Gives a price its id, which is made of what it says and for what: an equal price has the same id in
 * every version of the catalog, whatever its sources.
 */
export function identifyPrice<T extends Omit<Price, 'id' | 'ordinal'>>(price: T): T & { id: string } {
  const { provider, model, match, serviceTier, region, validFrom, validTo, dailyWindow, units } = price;
  const content = [provider, model, match, serviceTier, region, validFrom, validTo, dailyWindow, units];
  return { id: contentUuid(validFrom ?? UNDATED_MS, JSON.stringify(content)), ...price };
}
