import { type AttoUsd, MONEY_SCALE, parseMoney, usd } from '../../platform/money.ts';

const DIGITS = 6;
const CENT_PLACES = 2;
/** Beyond it no amount fits. */
const MAX_USD = 1e20;

/**
 * A forecast as an amount: rounded to 6 significant digits, or to cents where that says more. Statistics are no
 * money: this is the one place where a float becomes an amount.
 * @param value USD, not negative
 */
export function roundForecast(value: number): AttoUsd {
  if (!(value > 0)) return 0n;
  if (value >= MAX_USD) return usd(BigInt(MAX_USD)) - 1n;
  const places = DIGITS - 1 - Math.floor(Math.log10(value));
  return parseMoney(value.toFixed(Math.min(MONEY_SCALE, Math.max(CENT_PLACES, places)))) ?? 0n;
}

/** An amount as the statistics take it, in USD. What is below 0, as after a correction, counts as 0. */
export function toStatistic(amount: AttoUsd): number {
  return amount > 0n ? Number(amount) / Number(usd(1n)) : 0;
}
