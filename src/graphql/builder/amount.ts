import { builder } from './builder.ts';

builder.scalarType('Amount', {
  description: 'A quantity of a budget: an exact decimal string in USD, or a JSON number of tokens.',
  serialize: (value) => value,
});
