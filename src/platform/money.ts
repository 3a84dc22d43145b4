/**
 * Money is a BigInt of atto-dollars: 1 USD = 10^18. Every catalog price is a whole number of them
 * per token, so costs are exact without division; no amount ever passes through a float.
 */
export type AttoUsd = bigint;

/** Decimal places that money is kept to; PostgreSQL holds it as NUMERIC(38,18). */
export const MONEY_SCALE = 18;
const ATTO_PER_USD = 10n ** BigInt(MONEY_SCALE);
/** NUMERIC(38,18) leaves 20 digits before the point. */
const MAX_ATTO = 10n ** 38n - 1n;
/** Those that amounts need; raising a BigInt anew costs more than the rest of reading one. */
const POWERS_OF_TEN = Array.from({ length: 2 * MONEY_SCALE + 1 }, (_, i) => 10n ** BigInt(i));
const DECIMAL = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

function powerOfTen(exponent: number): bigint {
  return POWERS_OF_TEN[exponent] ?? 10n ** BigInt(exponent);
}

/**
 * Reads a decimal text (`"0.0061"`, also `"2.5e-06"` as JSON writes numbers) into an integer of
 * 10^-scale. Returns null when the string is not a decimal or has a digit other than 0 beyond
 * `scale` places: nothing is rounded.
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

/**
 * Reads a decimal string as money. Null when it is not a decimal, has more than 18 places, or does
 * not fit NUMERIC(38,18).
 */
export function parseMoney(text: string): AttoUsd | null {
  const value = parseScaled(text, MONEY_SCALE);
  return value === null || value > MAX_ATTO || value < -MAX_ATTO ? null : value;
}

const ZERO = 48;

/**
 * Writes an integer of 10^-scale as a plain decimal: no exponent, no trailing zeros (`"0.0075"`,
 * `"0"`, `"-12"`).
 */
export function formatScaled(value: bigint, scale: number): string {
  if (value === 0n) return '0';
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  let end = digits.length;
  while (end > point && digits.charCodeAt(end - 1) === ZERO) end--;
  const plain = end === point ? digits.slice(0, point) : `${digits.slice(0, point)}.${digits.slice(point, end)}`;
  return negative ? `-${plain}` : plain;
}

/**
 * A NUMERIC column as the wire has it. PostgreSQL returns NUMERIC at full scale; the API drops
 * trailing zeros.
 * @throws Error where the string is not a decimal of at most 18 places
 */
export function plainDecimal(text: string): string;
export function plainDecimal(text: string | null): string | null;
export function plainDecimal(text: string | null): string | null {
  if (text === null) return null;
  const value = parseScaled(text, MONEY_SCALE);
  if (value === null) throw new Error(`invalid decimal in the database: ${text}`);
  return formatScaled(value, MONEY_SCALE);
}

/** Writes money as the wire has it: a plain decimal string in USD. */
export function formatMoney(value: AttoUsd): string {
  return formatScaled(value, MONEY_SCALE);
}

/** Whole dollars as money. */
export function usd(dollars: bigint): AttoUsd {
  return dollars * ATTO_PER_USD;
}

/**
 * `part` / `whole` with `places` decimals, rounded half away from zero; null when `whole` is 0.
 * Only for display: no amount is derived from it.
 */
export function ratioOf(part: bigint, whole: bigint, places: number): string | null {
  if (whole === 0n) return null;
  const scaled = part * 10n ** BigInt(places) * 2n;
  const doubled = scaled / whole;
  const rounded = (doubled + (doubled < 0n ? -1n : 1n)) / 2n;
  return formatScaled(rounded, places);
}

/** `part` of `whole` in percent with two decimals, rounded as {@link ratioOf} does. */
export function percentOf(part: bigint, whole: bigint): string | null {
  return ratioOf(part * 100n, whole, 2);
}
