import { z } from '@hono/zod-openapi';
import { PAGE_LIMIT } from '../../platform/page.ts';
import { graphql } from '../http/graphql.ts';
import { operation, route } from '../http/route.ts';
import { count, decimal, listOf, pageQuery, time, toList } from '../http/schemas.ts';

const price = z
  .object({
    id: z.string(),
    provider: z.string(),
    model: z.string(),
    match: z.unknown().openapi({ type: 'object', description: 'Which model names it is for.' }),
    service_tier: z.string().nullable().openapi({ description: 'Null: the standard tier.' }),
    valid_from: time.nullable(),
    valid_to: time.nullable(),
    daily_window: z.unknown().openapi({ type: ['object', 'null'] }),
    units: z.array(
      z.object({
        unit: z.string().openapi({ example: 'input_tokens' }),
        price: decimal,
        per: count.openapi({ example: 1_000_000 }),
        tiers: z.array(z.object({ above: count, price: decimal })),
      }),
    ),
    source: z.string(),
    source_version: z.string(),
  })
  .openapi('Price');

const list = operation(
  graphql(`
    query Prices($first: Int, $after: String, $provider: String, $model: String, $at: DateTime) {
      prices(first: $first, after: $after, provider: $provider, model: $model, at: $at) {
        edges {
          node {
            id provider model match serviceTier validFrom validTo dailyWindow
            units { unit price per tiers { above price } }
            source sourceVersion
          }
        }
        pageInfo { hasNextPage endCursor }
      }
    }
  `),
);

const listPrices = route({
  method: 'get',
  path: '/v1/prices',
  operationId: 'listPrices',
  summary: 'The prices that events are charged by',
  tag: 'Prices',
  scope: 'prices:read',
  query: z.strictObject({
    provider: z.string().optional(),
    model: z.string().optional(),
    at: time.optional(),
    ...pageQuery(PAGE_LIMIT.max),
  }),
  success: [{ status: 200, description: 'A page of prices.', schema: listOf(price, 'PriceList') }],
  errors: [400],
  async run({ query }, execute) {
    const { limit, cursor, ...filters } = query;
    const { prices } = await execute(list, { ...filters, first: limit, after: cursor });
    return { status: 200, body: toList(prices) };
  },
});

export const priceRoutes = [listPrices];
