import { divideHalfEven, formatMoney, parseScaled } from '../../../platform/money.ts';
import type { Price, UnitPrice } from './price.ts';
import { COUNTS_BY_TOTAL, type CountColumn } from './usage-counts.ts';
import { USAGE_UNITS, type UsageUnit } from './usage-units.ts';

/** What every event is charged by: cached audio is worked out, and an event is one request. */
type DerivedUnit = 'cache_audio_read_tokens' | 'requests';
export type CountedUnit = CountColumn | DerivedUnit;
/** Whatever can be charged. */
export type ChargedUnit = CountColumn | UsageUnit;

function listCounted(): CountedUnit[] {
  const units: CountedUnit[] = COUNTS_BY_TOTAL.map(({ column }) => column);
  units.splice(units.indexOf('output_tokens'), 0, 'cache_audio_read_tokens');
  return [...units, 'requests'];
}

/** The units by which an event without `units` is charged, in the order of cost lines. */
export const COUNTED_UNITS: readonly CountedUnit[] = listCounted();

function listCharged(): ChargedUnit[] {
  const tokens = USAGE_UNITS.map(({ unit }) => unit).filter((unit) => unit.endsWith('_tokens'));
  const sides: Partial<Record<CountColumn, readonly UsageUnit[]>> = {
    output_tokens: tokens.filter((unit) => !unit.startsWith('output_')),
    web_searches: tokens.filter((unit) => unit.startsWith('output_')),
  };
  const listed = COUNTS_BY_TOTAL.flatMap(({ column }): ChargedUnit[] => [...(sides[column] ?? []), column]);
  return [...new Set([...listed, ...USAGE_UNITS.map(({ unit }) => unit)])];
}

/**
 * All units that are charged, in the order of cost lines: input, output, then what is no token. A
 * price's other units are kept but not charged.
 */
export const CHARGED_UNITS: readonly ChargedUnit[] = listCharged();
const CHARGED: ReadonlySet<string> = new Set(CHARGED_UNITS);

/** What belongs to each unit, such as atto-dollars for one of it; null where it has no price. */
type ByUnit<T> = Partial<Record<CountedUnit, T | null>>;
export type Rates = ByUnit<bigint>;

/**
 * The price of one unit as a fraction: a second at so much an hour need not be a whole number of
 * 10^-18 USD.
 */
export interface UnitRate {
  /** Atto-dollars for every `per` of the unit. */
  price: bigint;
  per: bigint;
  /** For one unit, rounded half to even where it must be. */
  each: bigint;
  /** `each` as a decimal string in USD. */
  text: string;
}

/** The rates that hold from more than `above` input tokens on. */
export interface RateCard {
  above: number;
  rates: Rates;
  /** The rates as decimal strings in USD. */
  texts: ByUnit<string>;
  /** The rates of all units that have one, those of `rates` too. */
  all: ReadonlyMap<ChargedUnit, UnitRate>;
}

/**
 * A sheet ready for arithmetic. `cards` ascend by `above`; the first is for any number of input
 * tokens.
 */
export interface CompiledPrice {
  first: RateCard;
  cards: readonly RateCard[];
  /** An empty sheet: all of the model is free. */
  isFree: boolean;
  /** Whether it charges by what every event has: tokens, or each request. */
  isByCounts: boolean;
  /** Whether one of each count costs a whole number of 10^-18 USD. False only with a discount. */
  isWhole: boolean;
}

/** What a discount leaves of each price. */
interface Share {
  part: bigint;
  whole: bigint;
}

const PERCENT_SCALE = 18;
const HUNDRED_PERCENT = 100n * 10n ** BigInt(PERCENT_SCALE);
const ALL: Share = { part: 1n, whole: 1n };

function shareOf({ discount }: Pick<Price, 'discount'>): Share {
  if (discount === undefined) return ALL;
  const off = parseScaled(discount.percent, PERCENT_SCALE);
  if (off === null || off <= 0n || off > HUNDRED_PERCENT) {
    throw new RangeError(`The discount ${discount.percent} is not a decimal above 0 and at most 100`);
  }
  return { part: HUNDRED_PERCENT - off, whole: HUNDRED_PERCENT };
}

function rateOf({ unit, per }: UnitPrice, price: string, { part, whole }: Share): UnitRate {
  const atto = parseScaled(price, 18);
  if (atto === null || atto < 0n || !Number.isSafeInteger(per) || per < 1) {
    throw new RangeError(`The price ${price} per ${per} ${unit} is not a decimal with at most 18 places from 0 on`);
  }
  const by = BigInt(per) * whole;
  const left = atto * part;
  const each = divideHalfEven(left, by);
  const fraction = each * by === left ? { price: each, per: 1n } : { price: left, per: by };
  return { ...fraction, each, text: formatMoney(each) };
}

function rateAt(unit: UnitPrice | undefined, above: number, share: Share): UnitRate | null {
  if (unit === undefined) return null;
  const tier = unit.tiers.filter((one) => one.above <= above).at(-1);
  return rateOf(unit, tier?.price ?? unit.price, share);
}

/** What an event without `units` is charged by has whole rates: its amounts need no division. */
function requireWhole(unit: UnitPrice | undefined, rate: UnitRate | null): void {
  if (unit === undefined || rate === null || rate.per === 1n) return;
  const { price, per } = unit;
  throw new RangeError(`The price ${price} per ${per} ${unit.unit} is not a whole number of 10^-18 USD for one`);
}

/**
 * Works out the rates of a sheet once. Throws RangeError when a price is negative, no decimal, or,
 * for tokens, web searches and requests, finer than 10^-18 USD for one unit (12 places when it is
 * for a million): check an override with this before it is stored. A discount may leave a finer price.
 */
export function compilePrice(price: Pick<Price, 'units' | 'discount'>): CompiledPrice {
  const share = shareOf(price);
  const sheet = new Map(price.units.map((unit) => [unit.unit, unit]));
  const cardAt = (above: number): RateCard => {
    const rates: Rates = {};
    const texts: ByUnit<string> = {};
    const all = new Map<ChargedUnit, UnitRate>();
    for (const unit of CHARGED_UNITS) {
      const rate = rateAt(sheet.get(unit), above, share);
      if (rate !== null) all.set(unit, rate);
    }
    // All units, always in one order: so few properties keep one hidden class.
    for (const unit of COUNTED_UNITS) {
      const rate = all.get(unit) ?? null;
      if (share === ALL) requireWhole(sheet.get(unit), rate);
      rates[unit] = rate?.each ?? null;
      texts[unit] = rate?.text ?? null;
    }
    return { above, rates, texts, all };
  };
  const starts = new Set(CHARGED_UNITS.flatMap((unit) => sheet.get(unit)?.tiers.map((tier) => tier.above) ?? []));
  const first = cardAt(-1);
  const cards = [first, ...[...starts].sort((a, b) => a - b).map(cardAt)];
  const isByCounts = COUNTED_UNITS.some((unit) => unit !== 'web_searches' && sheet.has(unit));
  const isWhole = cards.every(({ all }) => COUNTED_UNITS.every((unit) => (all.get(unit)?.per ?? 1n) === 1n));
  return { first, cards, isFree: price.units.length === 0, isByCounts, isWhole };
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
  return price.units.length === 0 || price.units.some(({ unit }) => CHARGED.has(unit));
}
