import { plainDecimal } from '../../platform/money.ts';

/** What a budget's amounts are counted in. */
export type AmountUnit = 'usd' | 'tokens';

/** A quantity of a budget as the wire has it: a decimal string in USD, or a number of tokens. */
export type Amount = string | number;

/**
 * A decimal in a budget's unit as the wire has it. Tokens beyond 2^53-1 stay there, where counts on
 * the wire end.
 * @throws Error where it is not a decimal
 */
export function toAmount(unit: AmountUnit, decimal: string): Amount {
  const plain = plainDecimal(decimal);
  if (unit === 'usd') return plain;
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(plain)));
}
