import { graphql } from './http/graphql.ts';
import { operation } from './http/operation.ts';
import { route } from './http/route.ts';

const getCredits = route({
  method: 'get',
  path: '/v1/credits',
  operationId: 'getCredits',
  summary: 'Where prepaid credits stand',
  tag: 'Credits',
  scope: 'credits:read',
  operation: operation(graphql(`query Credits { credits { mode granted used held expired available } }`)),
  success: [{ status: 200, description: 'available = granted - used - held - expired.' }],
});

const grantCredits = route({
  method: 'post',
  path: '/v1/credits/grants',
  operationId: 'grantCredits',
  summary: 'Add money to the credits',
  description:
    'The operator key grants to the organization that `organization_id` names. Where `credits_by` of an organization is ' +
    '`operator`, only the operator key may.',
  tag: 'Credits',
  scope: 'credits:write',
  operation: operation(
    graphql(`
      mutation GrantCredits($input: GrantCreditsInput!) {
        grantCredits(input: $input) { id amount expiresAt priority note createdAt }
      }
    `),
  ),
  body: 'GrantCreditsInput',
  success: [{ status: 201, description: 'The grant.' }],
  errors: [400],
});

const listLedger = route({
  method: 'get',
  path: '/v1/credits/ledger',
  operationId: 'listCreditEntries',
  summary: 'Every movement of the credits, newest first',
  description: 'The sum of all movements is the balance.',
  tag: 'Credits',
  scope: 'credits:read',
  operation: operation(
    graphql(`
      query CreditLedger($first: Int, $after: String) {
        creditLedger(first: $first, after: $after) {
          edges { node { at cause amount grantId usageId holdId } } pageInfo { hasNextPage endCursor }
        }
      }
    `),
  ),
  success: [{ status: 200, description: 'A page of movements.' }],
  errors: [400],
});

export const creditRoutes = [getCredits, grantCredits, listLedger];
