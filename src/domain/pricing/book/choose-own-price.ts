import type { Price } from '../price/price.ts';
import { normalizeServiceTier } from '../price/service-tier.ts';
import { isInForce } from './in-force.ts';
import type { OwnCandidates, OwnLevel } from './own-index.ts';

export interface OwnChoice {
  /** Normal form; null = standard. */
  tier: string | null;
  timeMs: number;
  /** What a discount leaves of the catalog's sheet; null where the catalog has none to take it off. */
  discounted(own: Price): Price | null;
}

function firstOf(prices: readonly Price[], choice: OwnChoice, isTiered: boolean): Price | null {
  for (const price of prices) {
    if (isTiered && normalizeServiceTier(price.serviceTier) !== choice.tier) continue;
    if (!isInForce(price, choice.timeMs)) continue;
    const found = price.discount === undefined ? price : choice.discounted(price);
    if (found !== null) return found;
  }
  return null;
}

function newestOf(level: OwnLevel, choice: OwnChoice, isTiered: boolean): Price | null {
  let newest: Price | null = null;
  for (const { tiered, general } of level) {
    const found = firstOf(isTiered ? tiered : general, choice, isTiered);
    if (found !== null && (newest === null || found.ordinal > newest.ordinal)) newest = found;
  }
  return newest;
}

/** Of equally specific ones: that of the event's own tier, then the newest. */
export function chooseOfLevel(level: OwnLevel, choice: OwnChoice): Price | null {
  return newestOf(level, choice, true) ?? newestOf(level, choice, false);
}

/**
 * The own price that charges an event: of those in force at its time the one for its exact name, then that
 * of the longest prefix, then the one for its service tier, then the newest. A discount fits only what the
 * catalog prices.
 */
export function chooseOwnPrice({ exact, prefixes }: OwnCandidates, choice: OwnChoice): Price | null {
  const found = chooseOfLevel(exact, choice);
  if (found !== null) return found;
  for (const level of prefixes) {
    const price = chooseOfLevel(level, choice);
    if (price !== null) return price;
  }
  return null;
}

/** Whether one of them has a price of its own, at any time and for any tier. */
export function hasOwnSheet({ exact, prefixes }: OwnCandidates): boolean {
  const isSheet = ({ discount }: Price) => discount === undefined;
  return [exact, ...prefixes].flat().some(({ tiered, general }) => tiered.some(isSheet) || general.some(isSheet));
}
