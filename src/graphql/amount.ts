import { builder } from './builder.ts';

/** What the scalar Amount carries: text for money, a number for tokens. */
export type AmountValue = string | number;

builder.scalarType('Amount', {
  description: 'A quantity of a budget: an exact decimal string in USD, or a JSON number of tokens.',
  serialize: (value) => value,
});

/** A decimal text in a budget's unit, as the wire has it. */
export function toAmount(unit: 'usd' | 'tokens', text: string): AmountValue {
  return unit === 'usd' ? text : Number(text);
}
