import { formatMoney, parseScaled } from '../../../platform/money.ts';
import type { Price, UnitPrice } from './price.ts';

/** The units that Meterr counts; `requests` is one for each event. A price's other units are kept but not charged. */
export const COUNTED_UNITS = [
  'input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'cache_write_1h_tokens',
  'input_audio_tokens',
  'cache_audio_read_tokens',
  'output_tokens',
  'reasoning_tokens',
  'output_audio_tokens',
  'web_searches',
  'requests',
] as const;

export type CountedUnit = (typeof COUNTED_UNITS)[number];

/** Atto-dollars for one of each unit; null = the sheet has no price for it. */
export type Rates = Record<CountedUnit, bigint | null>;

/** The rates that hold from more than `above` input tokens on. */
export interface RateCard {
  above: number;
  rates: Rates;
  /** The same in the order of COUNTED_UNITS. */
  list: readonly (bigint | null)[];
  /** And as decimal texts in USD. */
  texts: readonly (string | null)[];
}

/** A sheet ready for arithmetic. `cards` ascend by `above`; the first is for any number of input tokens. */
export interface CompiledPrice {
  first: RateCard;
  cards: readonly RateCard[];
}

/** Whole atto-dollars for one unit, or an error: nothing is rounded here, so amounts need no division. */
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
 * Works out the rates of a sheet once. Throws RangeError when a price is negative, no decimal, or finer than
 * 10^-18 USD for one unit (12 places when it is for a million): check an override with this before it is stored.
 */
export function compilePrice(price: Pick<Price, 'units'>): CompiledPrice {
  const sheet = new Map(price.units.map((unit) => [unit.unit, unit]));
  const cardAt = (above: number): RateCard => {
    const rate = (unit: CountedUnit) => rateAt(sheet.get(unit), above);
    const rates: Rates = {
      input_tokens: rate('input_tokens'),
      cache_read_tokens: rate('cache_read_tokens'),
      cache_write_tokens: rate('cache_write_tokens'),
      cache_write_1h_tokens: rate('cache_write_1h_tokens'),
      input_audio_tokens: rate('input_audio_tokens'),
      cache_audio_read_tokens: rate('cache_audio_read_tokens'),
      output_tokens: rate('output_tokens'),
      reasoning_tokens: rate('reasoning_tokens'),
      output_audio_tokens: rate('output_audio_tokens'),
      web_searches: rate('web_searches'),
      requests: rate('requests'),
    };
    const list = COUNTED_UNITS.map((unit) => rates[unit]);
    return { above, rates, list, texts: list.map((each) => (each === null ? null : formatMoney(each))) };
  };
  const starts = new Set(COUNTED_UNITS.flatMap((unit) => sheet.get(unit)?.tiers.map((tier) => tier.above) ?? []));
  const first = cardAt(-1);
  return { first, cards: [first, ...[...starts].sort((a, b) => a - b).map(cardAt)] };
}

/** The card for a request of so many input tokens: a cliff, so all its tokens pay its rates. */
export function cardFor(compiled: CompiledPrice, inputTokens: number): RateCard {
  let card = compiled.first;
  for (const next of compiled.cards) if (inputTokens > next.above) card = next;
  return card;
}

/** Whether the sheet charges by anything that Meterr counts. An empty sheet is a free model, and countable. */
export function isCountable(price: Price): boolean {
  return price.units.length === 0 || price.units.some(({ unit }) => COUNTED_UNITS.some((counted) => counted === unit));
}
