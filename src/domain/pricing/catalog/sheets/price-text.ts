/** A price for a million of a unit with 12 places is a whole number of 10^-18 USD for one. */
export const PRICE_PLACES = 12;
const MILLION_PLACES = 6;
const NUMBER = /^(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/** A price as a plain decimal for `per` of a unit. */
export interface ReadPrice {
  price: string;
  per: number;
  /** What stood there, where binary noise beyond 12 places was rounded. */
  rounded: string | null;
}

function plain(scaled: bigint): string {
  const digits = scaled.toString().padStart(PRICE_PLACES + 1, '0');
  const fraction = digits.slice(-PRICE_PLACES).replace(/0+$/, '');
  const whole = digits.slice(0, -PRICE_PLACES);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

function scale(digits: string, places: number): { scaled: bigint; isExact: boolean } {
  const shift = PRICE_PLACES - places;
  const value = BigInt(digits);
  if (shift >= 0) return { scaled: value * 10n ** BigInt(shift), isExact: true };
  const divisor = 10n ** BigInt(-shift);
  return { scaled: (value + divisor / 2n) / divisor, isExact: value % divisor === 0n };
}

/**
 * Reads the digits of a JSON number, or of a string that holds one, as a price of one unit; no float
 * is made of it.
 * @param isPerMillion whether to state it for a million; else for one, where 12 places are enough
 * @returns undefined when it is not a number of at least 0
 */
export function readPrice(text: string, isPerMillion: boolean): ReadPrice | undefined {
  const match = NUMBER.exec(text.trim());
  if (!match) return undefined;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const places = fraction.length - Number(exponent);
  const single = scale(whole + fraction, places);
  if (!isPerMillion && single.isExact) return { price: plain(single.scaled), per: 1, rounded: null };
  const million = scale(whole + fraction, places - MILLION_PLACES);
  return { price: plain(million.scaled), per: 10 ** MILLION_PLACES, rounded: million.isExact ? null : text };
}

/** The numbers of a JSON text as strings of the same digits: JSON.parse would make floats of them. */
export function quoteNumbers(json: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) => (token.startsWith('"') ? token : `"${token}"`));
}
