import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

const listPrices = route({
  method: 'get',
  path: '/v1/prices',
  operationId: 'listPrices',
  summary: 'The prices that events are charged by',
  tag: 'Prices',
  scope: 'prices:read',
  operation: operation(
    graphql(`
      query Prices(
        $provider: String, $model: String, $at: DateTime, $agreement: PriceAgreement, $first: Int, $after: String
      ) {
        prices(
          provider: $provider, model: $model, at: $at, agreement: $agreement, first: $first, after: $after
        ) {
          edges {
            node {
              id provider model match serviceTier region validFrom validTo dailyWindow
              units { unit price per tiers { above price } }
              source sourceVersion sources { name version } agreement dispute
            }
          }
          pageInfo { hasNextPage endCursor }
        }
      }
    `),
  ),
  success: [{ status: 200, description: 'A page of prices.' }],
  errors: [400],
});

export const priceRoutes = [listPrices];
