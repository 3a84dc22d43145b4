import { formatScaled, parseScaled } from '../../../../platform/money.ts';
import type { UnitPrice } from '../../price/price.ts';
import { PRICE_PLACES } from './price-text.ts';

/** Prices that differ by more than 1 / 200 of the first, 0.5 %, are disputed. */
const TOLERANCE = 200n;

interface Amount {
  price: string;
  per: number;
}

function scaled({ price }: Amount, by: number): bigint {
  return (parseScaled(price, PRICE_PLACES) ?? 0n) * BigInt(by);
}

/** Whether two prices for the same unit differ by at most 0.5 %. */
export function isSamePrice(one: Amount, other: Amount): boolean {
  const [a, b] = [scaled(one, other.per), scaled(other, one.per)];
  const difference = a > b ? a - b : b - a;
  return difference * TOLERANCE <= a;
}

/** The price of a request with more than so many input tokens. */
function priceAbove({ price, tiers, per }: UnitPrice, above: number): Amount {
  return { price: tiers.findLast((tier) => tier.above <= above)?.price ?? price, per };
}

/** Where two sheets contradict each other. */
export interface Difference {
  unit: string;
  /** More than so many input tokens; null = the base price. */
  above: number | null;
  first: Amount;
  second: Amount;
}

/**
 * Where two sheets first differ in a unit that both have. Steps are compared where both have some: one
 * that only one side knows is a gap of the other, not a contradiction. Steps that begin one token apart
 * are one step.
 */
export function findDifference(first: readonly UnitPrice[], second: readonly UnitPrice[]): Difference | null {
  for (const unit of first) {
    const other = second.find((one) => one.unit === unit.unit);
    if (!other) continue;
    if (!isSamePrice(unit, other)) return { unit: unit.unit, above: null, first: unit, second: other };
    if (unit.tiers.length === 0 || other.tiers.length === 0) continue;
    for (const { above } of [...unit.tiers, ...other.tiers]) {
      const [a, b] = [priceAbove(unit, above + 1), priceAbove(other, above + 1)];
      if (!isSamePrice(a, b)) return { unit: unit.unit, above, first: a, second: b };
    }
  }
  return null;
}

/** `0.15 USD per million`, `0.01 USD each`. */
export function describeAmount({ price, per }: Amount): string {
  if (per === 1) return `${price} USD each`;
  return per === 1_000_000 ? `${price} USD per million` : `${price} USD per ${per}`;
}

/** A price for a million, for reports. */
export function perMillion({ price, per }: Amount): string {
  const value = ((parseScaled(price, PRICE_PLACES) ?? 0n) * 1_000_000n) / BigInt(per);
  return formatScaled(value, PRICE_PLACES);
}
