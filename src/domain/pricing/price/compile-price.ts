import { formatMoney, parseScaled } from '../../../platform/money.ts';
import type { Price, UnitPrice } from './price.ts';
import { COUNTS_BY_TOTAL, type CountColumn } from './usage-counts.ts';

/** What is priced but not counted: cached audio is worked out, and every event is one request. */
type DerivedUnit = 'cache_audio_read_tokens' | 'requests';
export type CountedUnit = CountColumn | DerivedUnit;

function listUnits(): CountedUnit[] {
  const units: CountedUnit[] = COUNTS_BY_TOTAL.map(({ column }) => column);
  units.splice(units.indexOf('output_tokens'), 0, 'cache_audio_read_tokens');
  return [...units, 'requests'];
}

/**
 * The units that are charged, in the order of cost lines. A price's other units are kept but not
 * charged.
 */
export const COUNTED_UNITS: readonly CountedUnit[] = listUnits();

/** What belongs to each unit, such as atto-dollars for one of it; null where it has no price. */
type ByUnit<T> = Partial<Record<CountedUnit, T | null>>;
export type Rates = ByUnit<bigint>;

/** The rates that hold from more than `above` input tokens on. */
export interface RateCard {
  above: number;
  rates: Rates;
  /** The rates as decimal strings in USD. */
  texts: ByUnit<string>;
}

/**
 * A sheet ready for arithmetic. `cards` ascend by `above`; the first is for any number of input
 * tokens.
 */
export interface CompiledPrice {
  first: RateCard;
  cards: readonly RateCard[];
}

/**
 * Whole atto-dollars for one unit, or an error: nothing is rounded here, so amounts need no
 * division.
 */
function ratePerUnit({ unit, per }: UnitPrice, price: string): bigint {
  const atto = parseScaled(price, 18);
  const each = BigInt(per);
  if (atto === null || atto < 0n || atto % each !== 0n) {
    throw new RangeError(`The price ${price} per ${per} ${unit} is not a whole number of 10^-18 USD for one`);
  }
  return atto / each;
}

function rateAt(unit: UnitPrice | undefined, above: number): bigint | null {
  if (unit === undefined) return null;
  const tier = unit.tiers.filter((one) => one.above <= above).at(-1);
  return ratePerUnit(unit, tier?.price ?? unit.price);
}

/**
 * Works out the rates of a sheet once. Throws RangeError when a price is negative, no decimal, or
 * finer than 10^-18 USD for one unit (12 places when it is for a million): check an override with
 * this before it is stored.
 */
export function compilePrice(price: Pick<Price, 'units'>): CompiledPrice {
  const sheet = new Map(price.units.map((unit) => [unit.unit, unit]));
  const cardAt = (above: number): RateCard => {
    const rates: Rates = {};
    const texts: ByUnit<string> = {};
    // All units, always in one order: so few properties keep one hidden class.
    for (const unit of COUNTED_UNITS) {
      const rate = rateAt(sheet.get(unit), above);
      rates[unit] = rate;
      texts[unit] = rate === null ? null : formatMoney(rate);
    }
    return { above, rates, texts };
  };
  const starts = new Set(COUNTED_UNITS.flatMap((unit) => sheet.get(unit)?.tiers.map((tier) => tier.above) ?? []));
  const first = cardAt(-1);
  return { first, cards: [first, ...[...starts].sort((a, b) => a - b).map(cardAt)] };
}

/**
 * The card for a request with this number of input tokens. Tiers are cliffs: all its tokens pay the
 * card's rates.
 */
export function cardFor(compiled: CompiledPrice, inputTokens: number): RateCard {
  let card = compiled.first;
  for (const next of compiled.cards) if (inputTokens > next.above) card = next;
  return card;
}

/**
 * Whether the sheet charges by anything that Meterr counts. An empty sheet is a free model, and
 * countable.
 */
export function isCountable(price: Price): boolean {
  return price.units.length === 0 || price.units.some(({ unit }) => COUNTED_UNITS.some((counted) => counted === unit));
}
