import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

const priceFields = graphql(`
  fragment PriceFields on Price @_unmask {
    id provider model match serviceTier region validFrom validTo dailyWindow
    units { unit price per tiers { above price } } discountPercent
    source sourceVersion sources { name version } agreement dispute
  }
`);

const listPrices = route({
  method: 'get',
  path: '/v1/prices',
  operationId: 'listPrices',
  summary: 'The prices that events are charged by',
  tag: 'Prices',
  scope: 'prices:read',
  operation: operation(
    graphql(
      `query Prices(
        $provider: String, $model: String, $at: DateTime, $agreement: PriceAgreement, $first: Int, $after: String
      ) {
        prices(
          provider: $provider, model: $model, at: $at, agreement: $agreement, first: $first, after: $after
        ) {
          edges { node { ...PriceFields } } pageInfo { hasNextPage endCursor }
        }
      }`,
      [priceFields],
    ),
  ),
  success: [{ status: 200, description: 'A page of prices.' }],
  errors: [400],
});

const createPrice = route({
  method: 'post',
  path: '/v1/prices',
  operationId: 'createPrice',
  summary: 'Make a price of your own, or a discount',
  description:
    'It charges what is recorded from now on, in this process at once and in all others within a second. Nothing that is ' +
    'recorded changes.',
  tag: 'Prices',
  scope: 'prices:write',
  operation: operation(
    graphql(`mutation CreatePrice($input: CreatePriceInput!) { createPrice(input: $input) { ...PriceFields } }`, [
      priceFields,
    ]),
  ),
  body: 'CreatePriceInput',
  success: [{ status: 201, description: 'The price.' }],
  errors: [400, 409],
});

const endPrice = route({
  method: 'delete',
  path: '/v1/prices/{id}',
  operationId: 'endPrice',
  summary: 'End a price of your own',
  description: 'It ends now; what it has charged stays. One that has ended stays as it is.',
  tag: 'Prices',
  scope: 'prices:write',
  operation: operation(
    graphql(`mutation EndPrice($input: EndPriceInput!) { endPrice(input: $input) { ...PriceFields } }`, [priceFields]),
  ),
  success: [{ status: 200, description: 'The price as it is now.' }],
  errors: [404],
});

export const priceRoutes = [listPrices, createPrice, endPrice];
