import { parseScaled } from '../../../platform/money.ts';
import type { Price, UnitPrice } from '../price/price.ts';

/** A price that moves further than this, up or down, is taken for a mistake of its source. */
export const MAX_MOVE = 10n;
const PRICE_PLACES = 18;

/** A unit of a sheet whose price moves too far to be believed. */
export interface Jump {
  unit: string;
  per: number;
  known: string;
  /** What the source says now. */
  refused: string;
  source: string;
}

function scaled(price: string): bigint {
  return parseScaled(price, PRICE_PLACES) ?? 0n;
}

/** Compares two prices for the same quantity. */
function isJump(known: string, knownPer: number, said: string, saidPer: number): boolean {
  const one = scaled(known) * BigInt(saidPer);
  const other = scaled(said) * BigInt(knownPer);
  if (one === 0n || other === 0n) return one !== other;
  return one > MAX_MOVE * other || other > MAX_MOVE * one;
}

/** What the unit costs in a request with more than `above` input tokens. */
function priceAbove({ price, tiers }: UnitPrice, above: number): string {
  return tiers.findLast((tier) => tier.above <= above)?.price ?? price;
}

/** The first unit of both sheets whose price, or one of its tiers, moves by more than ten times. */
export function findJump(known: Price, said: Price): Jump | null {
  for (const unit of said.units) {
    const before = known.units.find((one) => one.unit === unit.unit);
    if (!before) continue;
    const steps = [{ above: -1, price: unit.price }, ...unit.tiers];
    for (const { above, price } of steps) {
      const was = priceAbove(before, above);
      if (!isJump(was, before.per, price, unit.per)) continue;
      return { unit: unit.unit, per: unit.per, known: was, refused: price, source: said.source };
    }
  }
  return null;
}

/** The sentence that stands beside the price which stays in force. */
export function describeJump({ unit, per, known, refused, source }: Jump): string {
  return (
    `${source} states ${refused} USD for ${per} of ${unit}, where ${known} was known. ` +
    `A change of more than ${MAX_MOVE} times is not imported.`
  );
}
