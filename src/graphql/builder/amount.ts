import { builder } from './builder.ts';

/** What the description of an Amount says of its unit. REST shows no description of the scalar. */
export const AMOUNT_UNITS = 'in USD (a decimal string) or in tokens (a number)';

builder.scalarType('Amount', {
  description: 'An amount in the unit of its budget: USD as an exact decimal string, or tokens as a JSON number.',
  serialize: (value) => value,
});
