import { createPrice } from '../../domain/pricing/own/create-price.ts';
import { endPrice } from '../../domain/pricing/own/end-price.ts';
import { OWN_PRICE_LIMITS } from '../../domain/pricing/own/own-price.ts';
import { PRICE_MATCHES, type PriceMatch } from '../../domain/pricing/own/read-price-input.ts';
import { UNIT_PRICE_LIMITS } from '../../domain/pricing/own/read-unit-prices.ts';
import { CHARGED_UNITS } from '../../domain/pricing/price/compile-price.ts';
import { builder } from '../builder/builder.ts';
import { PriceRef } from './prices.ts';

const MATCH_DESCRIPTIONS: Readonly<Record<PriceMatch, string>> = {
  exact: 'The price is for the model of this name.',
  prefix: 'It is for every model whose name begins so.',
};

const PriceMatchEnum = builder.enumType('PriceMatch', {
  description: 'Which models an own price is for.',
  values: Object.fromEntries(
    PRICE_MATCHES.map((value) => [value.toUpperCase(), { value, description: MATCH_DESCRIPTIONS[value] }]),
  ) as Record<string, { value: PriceMatch }>,
});

const PriceTierInput = builder.inputType('PriceTierInput', {
  description: 'A request with more than `above` input tokens pays this price for the whole quantity of the unit.',
  fields: (t) => ({
    above: t.field({ type: 'SafeInt', required: true, description: 'Number of input tokens.' }),
    price: t.field({ type: 'Decimal', required: true, description: 'USD for each `per` of the unit.' }),
  }),
});

const UnitPriceInput = builder.inputType('UnitPriceInput', {
  description: 'The price of one unit.',
  fields: (t) => ({
    unit: t.string({ required: true, description: `One of: ${CHARGED_UNITS.join(', ')}.` }),
    price: t.field({
      type: 'Decimal',
      required: true,
      description:
        'USD for each `per` of the unit. For tokens, web searches and requests it has at most 12 places where `per` is ' +
        `1000000; for one of a unit it is at most ${UNIT_PRICE_LIMITS.unitUsd} USD.`,
    }),
    per: t.field({ type: 'SafeInt', description: 'The quantity of the unit that `price` is for; default 1000000.' }),
    tiers: t.field({
      type: [PriceTierInput],
      description: `Prices of larger requests: at most ${UNIT_PRICE_LIMITS.tiers}.`,
    }),
  }),
});

const CreatePriceInput = builder.inputType('CreatePriceInput', {
  description: 'Exactly one of `units` and `discountPercent` is given.',
  fields: (t) => ({
    provider: t.string({ required: true }),
    model: t.string({
      description:
        'The name of a model, or its beginning. Only a discount may leave it out: for all models of the provider.',
    }),
    match: t.field({ type: PriceMatchEnum, description: 'Default `EXACT`.' }),
    units: t.field({
      type: [UnitPriceInput],
      description:
        'What each unit costs, each unit once. A part (cache, audio, reasoning) that is not listed is charged at the ' +
        'input or output price of this list; another unit that is not listed is a warning.',
    }),
    discountPercent: t.field({
      type: 'Decimal',
      description: "What is taken off the catalog's price in force at the time of an event: above 0, at most 100.",
    }),
    serviceTier: t.string({ description: 'Only for events of this service tier; default: of every one.' }),
    validFrom: t.field({
      type: 'DateTime',
      description: 'Only for what is used from then on; default: it has no start. Nothing that is recorded changes.',
    }),
    validTo: t.field({ type: 'DateTime', description: 'Only for what is used before; default: it has no end.' }),
  }),
});

const EndPriceInput = builder.inputType('EndPriceInput', {
  fields: (t) => ({ id: t.id({ required: true, description: 'Id of an own price.' }) }),
});

builder.mutationFields((t) => ({
  createPrice: t.field({
    type: PriceRef,
    description:
      'Makes a price of your own, or a discount on the catalog. It charges what is recorded from now on. An organization ' +
      `has at most ${OWN_PRICE_LIMITS.prices}, those that have ended included. Requires the scope \`prices:write\`, and a key that is not bound to a team.`,
    args: { input: t.arg({ type: CreatePriceInput, required: true }) },
    resolve: (_, { input }, context) => createPrice(context, input),
  }),
  endPrice: t.field({
    type: PriceRef,
    description:
      'Ends an own price now, and returns it as it is then. What it has charged stays; one that had not begun is never in ' +
      'force. Requires the scope `prices:write`, and a key that is not bound to a team.',
    args: { input: t.arg({ type: EndPriceInput, required: true }) },
    resolve: (_, { input }, context) => endPrice(context, input),
  }),
}));
