import { invalidField } from '../../platform/errors.ts';
import { type AttoUsd, divideHalfEven, formatScaled, MONEY_SCALE, parseScaled } from '../../platform/money.ts';
import { parseTime } from '../../platform/time.ts';

/** What money is stored in, and shown in where no other currency is asked for. */
export const BASE_CURRENCY = 'USD';

/** A currency other than USD, and what one USD is in it. */
export interface Exchange {
  /** ISO 4217 code. */
  currency: string;
  /** Units of the currency for one USD: a decimal string above 0 with at most 18 places. */
  rate: string;
  /** The day of the rate, such as `2026-11-27`. */
  date: string;
}

/** The configured rates, by currency. */
export type ExchangeRates = ReadonlyMap<string, Exchange>;

/** How METERR_EXCHANGE_RATES is written. */
export const EXCHANGE_RATES_FORM =
  'units of each currency for one USD with the day of the rate, such as EUR:0.8612@2026-11-27,GBP:0.7533@2026-11-27';

const CODE = /^[A-Z]{3}$/;
const RATE = /^\d{1,12}(\.\d{1,18})?$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const UNIT = 10n ** BigInt(MONEY_SCALE);

/** @returns a string that says what is wrong with the entry */
function readExchange(entry: string, rates: ExchangeRates): Exchange | string {
  const [, currency = '', given = '', date = ''] = /^([^:@]*):([^:@]*)@([^:@]*)$/.exec(entry) ?? [];
  if (currency === '') return 'must have the form CODE:RATE@DATE';
  if (!CODE.test(currency)) return 'the currency must be an ISO 4217 code of three upper-case letters';
  if (currency === BASE_CURRENCY) return 'USD has no rate, because money is stored in USD';
  if (rates.has(currency)) return `${currency} must be named once`;
  const rate = RATE.test(given) ? (parseScaled(given, MONEY_SCALE) ?? 0n) : 0n;
  if (rate === 0n) return 'the rate must be a decimal above 0 with at most 12 digits before the point and 18 behind it';
  if (!DATE.test(date) || !parseTime(`${date}T00:00:00Z`)) return 'the date must be a day that exists, as YYYY-MM-DD';
  return { currency, rate: formatScaled(rate, MONEY_SCALE), date };
}

/**
 * Reads `EUR:0.8612@2026-11-27,GBP:0.7533@2026-11-27`.
 * @returns a string that names the first invalid entry and what is wrong with it
 */
export function readExchangeRates(text: string): ExchangeRates | string {
  const rates = new Map<string, Exchange>();
  for (const part of text.split(',')) {
    const entry = part.trim();
    const exchange = readExchange(entry, rates);
    if (typeof exchange === 'string') return `in "${entry}" ${exchange}`;
    rates.set(exchange.currency, exchange);
  }
  return rates;
}

/**
 * The rate of the currency that a caller asks for; null for USD, and where none is asked for.
 * @param currency upper case, as ISO 4217 writes it
 * @throws AppError invalid_request that names the currencies there are
 */
export function findExchange(
  { exchangeRates }: { exchangeRates: ExchangeRates },
  currency: string | null | undefined,
): Exchange | null {
  if (currency === null || currency === undefined || currency === BASE_CURRENCY) return null;
  const exchange = exchangeRates.get(currency);
  if (exchange) return exchange;
  const others = [...exchangeRates.keys()].sort();
  throw invalidField('currency', `there is no rate for it; there are: ${[BASE_CURRENCY, ...others].join(', ')}`);
}

/**
 * Multiplies an amount in USD by the rate, exactly, and rounds half to even at 18 places; a negative
 * amount is rounded as its opposite is. Sum first: sums of rounded amounts differ in the last digit.
 * @returns 10^-18 units of the currency; the amount itself where `exchange` is null
 */
export function exchangeMoney(amount: AttoUsd, exchange: Exchange | null): AttoUsd {
  if (exchange === null) return amount;
  const rate = parseScaled(exchange.rate, MONEY_SCALE);
  if (rate === null) throw new Error(`invalid rate: ${exchange.rate}`);
  return amount < 0n ? -divideHalfEven(-amount * rate, UNIT) : divideHalfEven(amount * rate, UNIT);
}
