import type { FieldProblem } from '../../../platform/errors.ts';
import { formatScaled, MONEY_SCALE, parseScaled, usd } from '../../../platform/money.ts';
import { isEventCount } from '../../input/event-count.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';
import { CHARGED_UNITS, COUNTED_UNITS } from '../price/compile-price.ts';
import type { PriceTier, UnitPrice } from '../price/price.ts';

/** What an own price may hold. */
export const UNIT_PRICE_LIMITS = {
  /** Each unit once. */
  units: CHARGED_UNITS.length,
  /** Of a unit. */
  tiers: 10,
  /** Of one of a unit, in USD: 10^12 of each unit of one event then still fit what the ledger stores. */
  unitUsd: 1_000n,
} as const;
/** The quantity that a price is for, where none is given. */
export const DEFAULT_PER = 1_000_000;
const MAX_PERCENT = 100n * 10n ** BigInt(MONEY_SCALE);

export interface UnitPriceInput {
  /** One of `CHARGED_UNITS`. */
  unit: string;
  /** A decimal string in USD. */
  price: string;
  per?: number | null;
  tiers?: readonly PriceTier[] | null;
}

const UNKNOWN_UNIT = 'is not a unit that Meterr knows; the reference at /docs lists them under UnitPriceInput';
const KNOWN: ReadonlySet<string> = new Set(CHARGED_UNITS);
const WHOLE: ReadonlySet<string> = new Set(COUNTED_UNITS);

/** Adds a problem unless the price of `per` units can be charged exactly. */
function checkPrice(problems: FieldProblem[], path: string, price: string, unit: string, per: number): void {
  const atto = parseScaled(price, MONEY_SCALE);
  if (atto === null || atto < 0n) {
    problems.push({ path, message: 'must be a decimal from 0 on with at most 18 places' });
  } else if (atto > usd(UNIT_PRICE_LIMITS.unitUsd) * BigInt(per)) {
    problems.push({ path, message: `must be at most ${UNIT_PRICE_LIMITS.unitUsd} USD for one of the unit` });
  } else if (WHOLE.has(unit) && atto % BigInt(per) !== 0n) {
    const message = 'must be a whole number of 10^-18 USD for one: at most 12 places for 1000000';
    problems.push({ path, message });
  }
}

function readTiers(problems: FieldProblem[], path: string, given: UnitPriceInput, per: number): PriceTier[] {
  const tiers = given.tiers ?? [];
  if (tiers.length > UNIT_PRICE_LIMITS.tiers) {
    problems.push({ path: `${path}.tiers`, message: `must have at most ${UNIT_PRICE_LIMITS.tiers} entries` });
    return [];
  }
  const seen = new Set<number>();
  tiers.forEach(({ above, price }, index) => {
    const at = `${path}.tiers.${index}`;
    if (!isEventCount(above)) {
      problems.push({ path: `${at}.above`, message: `must be a whole number from 0 to ${USAGE_LIMITS.count}` });
    } else if (seen.has(above)) problems.push({ path: `${at}.above`, message: 'must not be that of another tier' });
    seen.add(above);
    checkPrice(problems, `${at}.price`, price, given.unit, per);
  });
  return tiers.map(({ above, price }) => ({ above, price })).sort((a, b) => a.above - b.above);
}

/** The prices of units, in the order given; adds a problem for each that cannot be charged. */
export function readUnitPrices(problems: FieldProblem[], units: readonly UnitPriceInput[]): UnitPrice[] {
  if (units.length === 0) problems.push({ path: 'units', message: 'must have at least one entry' });
  if (units.length > UNIT_PRICE_LIMITS.units) {
    problems.push({ path: 'units', message: `must have at most ${UNIT_PRICE_LIMITS.units} entries` });
    return [];
  }
  const seen = new Set<string>();
  return units.map((given, index) => {
    const path = `units.${index}`;
    const { unit, price } = given;
    if (!KNOWN.has(unit)) problems.push({ path: `${path}.unit`, message: UNKNOWN_UNIT });
    else if (seen.has(unit)) problems.push({ path: `${path}.unit`, message: 'must not be given twice' });
    seen.add(unit);
    const per = given.per ?? DEFAULT_PER;
    if (!isEventCount(per) || per < 1) {
      problems.push({ path: `${path}.per`, message: `must be a whole number from 1 to ${USAGE_LIMITS.count}` });
      return { unit, price, per: 1, tiers: [] };
    }
    checkPrice(problems, `${path}.price`, price, unit, per);
    return { unit, price, per, tiers: readTiers(problems, path, given, per) };
  });
}

/** A discount as a plain decimal string. */
export function readDiscount(problems: FieldProblem[], given: string): string {
  const scaled = parseScaled(given, MONEY_SCALE);
  if (scaled !== null && scaled > 0n && scaled <= MAX_PERCENT) return formatScaled(scaled, MONEY_SCALE);
  problems.push({ path: 'discountPercent', message: 'must be a decimal above 0 and at most 100' });
  return given;
}
