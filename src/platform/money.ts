/**
 * Money is a BigInt of 10^-18 USD. Every catalog price is a whole number of these per token, so
 * costs are exact without division. No amount ever passes through a floating-point number.
 */
export type AttoUsd = bigint;

/** The decimal places of money; PostgreSQL stores it as NUMERIC(38,18). */
export const MONEY_SCALE = 18;
const ATTO_PER_USD = 10n ** BigInt(MONEY_SCALE);
/** NUMERIC(38,18) has 20 digits before the point. */
const MAX_ATTO = 10n ** 38n - 1n;
/** The powers that amounts need. Computing one costs more than the rest of parsing an amount. */
const POWERS_OF_TEN = Array.from({ length: 2 * MONEY_SCALE + 1 }, (_, i) => 10n ** BigInt(i));
const DECIMAL = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

function powerOfTen(exponent: number): bigint {
  return POWERS_OF_TEN[exponent] ?? 10n ** BigInt(exponent);
}

/**
 * Parses a decimal string (`"0.0061"`, or `"2.5e-06"` as JSON writes numbers) as an integer of
 * 10^-scale. Returns null when the string is not a decimal, or when it has a digit other than 0
 * after `scale` places: nothing is rounded.
 */
export function parseScaled(text: string, scale: number): bigint | null {
  const match = DECIMAL.exec(text);
  if (!match) return null;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const shift = scale + Number(exponent) - fraction.length;
  let value = BigInt(whole + fraction);
  if (shift >= 0) value *= powerOfTen(shift);
  else {
    const divisor = powerOfTen(-shift);
    if (value % divisor !== 0n) return null;
    value /= divisor;
  }
  return sign === '-' ? -value : value;
}

/** Returns null unless the string is a decimal with at most 18 places that fits NUMERIC(38,18). */
export function parseMoney(text: string): AttoUsd | null {
  const value = parseScaled(text, MONEY_SCALE);
  return value === null || value > MAX_ATTO || value < -MAX_ATTO ? null : value;
}

const ZERO = 48;

/**
 * A NUMERIC column as an integer of 10^-18, whatever its size: sums may exceed what one amount can
 * be.
 * @throws Error when the string is not a decimal with at most 18 places
 */
export function readNumeric(text: string): bigint {
  const value = parseScaled(text, MONEY_SCALE);
  if (value === null) throw new Error(`invalid decimal in the database: ${text}`);
  return value;
}

/** Formats without exponent or trailing zeros: `"0.0075"`, `"0"`, `"-12"`. */
export function formatScaled(value: bigint, scale: number): string {
  if (value === 0n) return '0';
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  let end = digits.length;
  while (end > point && digits.charCodeAt(end - 1) === ZERO) end--;
  const decimal = end === point ? digits.slice(0, point) : `${digits.slice(0, point)}.${digits.slice(point, end)}`;
  return negative ? `-${decimal}` : decimal;
}

/**
 * Formats a NUMERIC column for the wire: PostgreSQL returns NUMERIC at full scale; the API drops
 * trailing zeros.
 * @throws Error when the string is not a decimal with at most 18 places
 */
export function plainDecimal(text: string): string;
export function plainDecimal(text: string | null): string | null;
export function plainDecimal(text: string | null): string | null {
  return text === null ? null : formatScaled(readNumeric(text), MONEY_SCALE);
}

/** Formats money for the wire, as a decimal string in USD. */
export function formatMoney(value: AttoUsd): string {
  return formatScaled(value, MONEY_SCALE);
}

export function usd(dollars: bigint): AttoUsd {
  return dollars * ATTO_PER_USD;
}

/**
 * Returns `amount` / `by`, rounded half to even where it is no whole number.
 * @param amount not negative
 * @param by above 0
 */
export function divideHalfEven(amount: bigint, by: bigint): bigint {
  const cut = amount / by;
  const doubled = 2n * (amount % by);
  return doubled > by || (doubled === by && cut % 2n === 1n) ? cut + 1n : cut;
}

/**
 * Returns `part` / `whole` with at most `places` decimals, rounded half away from zero; null when
 * `whole` is 0. For display only: no amount is derived from it.
 */
export function ratioOf(part: bigint, whole: bigint, places: number): string | null {
  if (whole === 0n) return null;
  const scaled = part * 10n ** BigInt(places) * 2n;
  const doubled = scaled / whole;
  const rounded = (doubled + (doubled < 0n ? -1n : 1n)) / 2n;
  return formatScaled(rounded, places);
}

/**
 * Returns `part` as a percentage of `whole` with at most two decimals, rounded as {@link ratioOf}
 * rounds.
 */
export function percentOf(part: bigint, whole: bigint): string | null {
  return ratioOf(part * 100n, whole, 2);
}

/**
 * Returns `part` as a percentage of `whole` with at most two decimals, rounded down: 100 is only
 * said of what has reached the whole.
 * @param whole above 0
 */
export function percentReached(part: bigint, whole: bigint): string {
  const scaled = part * 10_000n;
  const cut = scaled / whole;
  return formatScaled(scaled < 0n && scaled % whole !== 0n ? cut - 1n : cut, 2);
}
