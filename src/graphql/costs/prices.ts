import { getPrice, listPrices, PRICE_CURSOR, priceCursorKey } from '../../domain/pricing/list-prices.ts';
import type { Price, PriceTier, UnitPrice } from '../../domain/pricing/price/price.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { toConnection } from '../builder/connection.ts';

const PriceTierRef = builder.objectRef<PriceTier>('PriceTier').implement({
  description: 'A request with more than `above` input tokens pays this price for all of the unit.',
  fields: (t) => ({
    above: t.expose('above', { type: 'SafeInt' }),
    price: t.expose('price', { type: 'Decimal' }),
  }),
});

const UnitPriceRef = builder.objectRef<UnitPrice>('UnitPrice').implement({
  fields: (t) => ({
    unit: t.exposeString('unit'),
    price: t.expose('price', { type: 'Decimal', description: 'USD for each `per` of the unit.' }),
    per: t.expose('per', { type: 'SafeInt' }),
    tiers: t.expose('tiers', { type: [PriceTierRef] }),
  }),
});

const PriceRef = builder.objectRef<Price>('Price');

function timeOrNull(timeMs: number | null): Date | null {
  return timeMs === null ? null : new Date(timeMs);
}

builder.node(PriceRef, {
  description: 'One price of one model as it holds in a span of time.',
  id: { resolve: (price) => price.id },
  loadOne: (uuid, context) => getPrice(context, formatId('price', uuid)),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'units' in value,
  fields: (t) => ({
    provider: t.exposeString('provider'),
    model: t.exposeString('model'),
    match: t.field({
      type: 'JSON',
      description: 'Which model names the price is for.',
      resolve: (price) => price.match,
    }),
    serviceTier: t.exposeString('serviceTier', { nullable: true, description: 'Null: the standard tier.' }),
    validFrom: t.field({ type: 'DateTime', nullable: true, resolve: (price) => timeOrNull(price.validFrom) }),
    validTo: t.field({ type: 'DateTime', nullable: true, resolve: (price) => timeOrNull(price.validTo) }),
    dailyWindow: t.expose('dailyWindow', {
      type: 'JSON',
      nullable: true,
      description: 'Set where the price holds for a part of each day only, in seconds of the UTC day.',
    }),
    units: t.expose('units', { type: [UnitPriceRef] }),
    source: t.exposeString('source', { description: '`genai-prices`, or `override`.' }),
    sourceVersion: t.exposeString('sourceVersion'),
  }),
});

const PriceConnection = builder.connectionObject({ type: PriceRef, name: 'PriceConnection' });

builder.queryFields((t) => ({
  prices: t.field({
    type: PriceConnection,
    description: 'The prices that events are charged by, by provider and model. Scope prices:read.',
    args: {
      first: t.arg.int({ description: '1 to 100; default 20.' }),
      after: t.arg.string(),
      provider: t.arg.string(),
      model: t.arg.string({ description: "The catalog's own name of the model." }),
      at: t.arg({ type: 'DateTime', description: 'Only prices that are in force at that time.' }),
    },
    resolve: async (_, args, context) =>
      toConnection(PRICE_CURSOR, await listPrices(context, args), priceCursorKey, args.after),
  }),
}));
