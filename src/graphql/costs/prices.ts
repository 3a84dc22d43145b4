import { getPrice, listPrices, PRICE_CURSOR, priceCursorKey, sourcesOf } from '../../domain/pricing/list-prices.ts';
import {
  PRICE_AGREEMENTS,
  type Price,
  type PriceAgreement,
  type PriceSource,
  type PriceTier,
  type UnitPrice,
} from '../../domain/pricing/price/price.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';

const PriceTierRef = builder.objectRef<PriceTier>('PriceTier').implement({
  description: 'A request with more than `above` input tokens pays this price for the whole quantity of the unit.',
  fields: (t) => ({
    above: t.expose('above', { type: 'SafeInt', description: 'Number of input tokens.' }),
    price: t.expose('price', { type: 'Decimal', description: 'USD for each `per` of the unit.' }),
  }),
});

const UnitPriceRef = builder.objectRef<UnitPrice>('UnitPrice').implement({
  description: 'The price of one unit, such as input tokens.',
  fields: (t) => ({
    unit: t.exposeString('unit', { description: 'What is charged, such as `input_tokens`.' }),
    price: t.expose('price', { type: 'Decimal', description: 'USD for each `per` of the unit.' }),
    per: t.expose('per', { type: 'SafeInt', description: 'The quantity of the unit that `price` is for.' }),
    tiers: t.expose('tiers', {
      type: [PriceTierRef],
      description: 'Prices of larger requests, ascending by `above`; empty where all requests pay `price`.',
    }),
  }),
});

const AGREEMENT_DESCRIPTIONS: Readonly<Record<PriceAgreement, string>> = {
  agreed: 'Several sources state this price.',
  single: 'One source states it.',
  disputed: 'The sources differ, or one of them states a price that cannot be right: `dispute` says what.',
  own: "It is the organization's own price.",
};

const AgreementEnum = builder.enumType('PriceAgreement', {
  description: 'What the sources say of a price.',
  values: Object.fromEntries(
    PRICE_AGREEMENTS.map((agreement) => [
      agreement.toUpperCase(),
      { value: agreement, description: AGREEMENT_DESCRIPTIONS[agreement] },
    ]),
  ) as Record<string, { value: PriceAgreement }>,
});

const PriceSourceRef = builder.objectRef<PriceSource>('PriceSource').implement({
  description: 'A public source of prices, and which version of it states the price.',
  fields: (t) => ({
    name: t.exposeString('name', {
      description: '`genai-prices`, `litellm`, `corrections`, or the public address that a correction names.',
    }),
    version: t.exposeString('version', {
      description:
        'A release, a date, or the day on which the text of the source was first read and the start of its SHA-256.',
    }),
  }),
});

export const PriceRef = builder.objectRef<Price>('Price');

function timeOrNull(timeMs: number | null): Date | null {
  return timeMs === null ? null : new Date(timeMs);
}

builder.node(PriceRef, {
  description: 'The prices of the units of one model in one span of time.',
  id: { resolve: (price) => price.id },
  loadOne: (uuid, context) => getPrice(context, formatId('price', uuid)),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'units' in value,
  fields: (t) => ({
    provider: t.exposeString('provider'),
    model: t.string({
      nullable: true,
      description:
        "The catalog's own name of the model, in lower case; of an own price the name or prefix that it was made for. Null: " +
        'a discount on all models of the provider.',
      resolve: ({ model }) => (model === '' ? null : model),
    }),
    match: t.field({
      type: 'JSON',
      description:
        'The rule that decides which model names the price is for; of an own price `{"equals": NAME}` or ' +
        '`{"starts_with": PREFIX}`.',
      resolve: (price) => price.match,
    }),
    serviceTier: t.exposeString('serviceTier', {
      nullable: true,
      description: 'Null: the standard service tier; of an own price every service tier.',
    }),
    region: t.exposeString('region', {
      nullable: true,
      description: 'Where the provider is made to process the request, such as `us`; null: wherever it likes.',
    }),
    validFrom: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the price comes into force; null: it has no start.',
      resolve: (price) => timeOrNull(price.validFrom),
    }),
    validTo: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the price is no longer in force; null: it has no end.',
      resolve: (price) => timeOrNull(price.validTo),
    }),
    dailyWindow: t.expose('dailyWindow', {
      type: 'JSON',
      nullable: true,
      description:
        'The part of each UTC day in which the price is in force, in seconds from 00:00: start included, end excluded. ' +
        'An end before its start is on the next day. `weekdays`: the UTC days on which it begins, 0 is Sunday; ' +
        'null is every day. Null: the whole day.',
    }),
    units: t.expose('units', {
      type: [UnitPriceRef],
      description: 'Empty of a discount, and of a model that is free.',
    }),
    discountPercent: t.field({
      type: 'Decimal',
      nullable: true,
      description: "Of an own price that is a discount: the percentage that is taken off the catalog's price.",
      resolve: ({ discount }) => discount?.percent ?? null,
    }),
    source: t.exposeString('source', {
      description:
        'What the price was taken from: `genai-prices`, `litellm` or `corrections`, or `override` for a price of the ' +
        'organization.',
    }),
    sourceVersion: t.exposeString('sourceVersion', { description: 'The version of the source.' }),
    sources: t.field({
      type: [PriceSourceRef],
      description: "The sources that state the price, `source` first; empty for an organization's own.",
      resolve: (price) => [...sourcesOf(price)],
    }),
    agreement: t.expose('agreement', {
      type: AgreementEnum,
      description:
        'What the sources say of the price. Of a price that is no longer in force it is what was known last.',
    }),
    dispute: t.exposeString('dispute', {
      nullable: true,
      description: 'Of a disputed price: what the other source says, or the value that was refused.',
    }),
  }),
});

const PriceConnection = builder.connectionObject({ type: PriceRef, name: 'PriceConnection' });

builder.queryFields((t) => ({
  prices: t.field({
    type: PriceConnection,
    description:
      'The prices that events are charged by, sorted by provider and model. Requires the scope `prices:read`.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
      provider: t.arg.string({ description: 'Only prices of this provider.' }),
      model: t.arg.string({ description: "Only prices of this model, by the catalog's own name, in any case." }),
      at: t.arg({
        type: 'DateTime',
        description: 'Only prices that are in force at this time. Default: all prices, past and future ones included.',
      }),
      agreement: t.arg({ type: AgreementEnum, description: 'Only prices of which the sources say this.' }),
    },
    resolve: async (_, args, context) =>
      toConnection(PRICE_CURSOR, await listPrices(context, args), priceCursorKey, args.after),
  }),
}));
