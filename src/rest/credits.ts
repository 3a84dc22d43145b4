import { z } from '@hono/zod-openapi';
import { CREDIT_CAUSES } from '../domain/credits/list-credit-entries.ts';
import { PAGE_LIMIT } from '../platform/page.ts';
import { graphql } from './http/graphql.ts';
import { operation, route } from './http/route.ts';
import { decimal, decimalInput, listOf, pageQuery, time, toList } from './http/schemas.ts';
import { lowerCase } from './usage/usage-maps.ts';

const credits = z
  .object({
    mode: z.enum(['none', 'prepaid']),
    granted: decimal,
    used: decimal,
    held: decimal,
    expired: decimal,
    available: decimal,
  })
  .openapi('Credits');

const grant = z
  .object({
    id: z.string().openapi({ example: 'grant_01h455vb4pex5vsknk084sn02q' }),
    amount: decimal,
    expires_at: time.nullable(),
    priority: z.int(),
    note: z.string().nullable(),
    created_at: time,
  })
  .openapi('CreditGrant');

const entry = z
  .object({
    at: time,
    cause: z.enum(CREDIT_CAUSES),
    amount: decimal,
    grant_id: z.string().nullable(),
    usage_id: z.string().nullable(),
    hold_id: z.string().nullable(),
  })
  .openapi('CreditEntry');

const summary = operation(graphql(`query Credits { credits { mode granted used held expired available } }`));
const add = operation(
  graphql(`
    mutation GrantCredits($input: GrantCreditsInput!) {
      grantCredits(input: $input) { id amount expiresAt priority note createdAt }
    }
  `),
);
const list = operation(
  graphql(`
    query CreditLedger($first: Int, $after: String) {
      creditLedger(first: $first, after: $after) {
        edges { node { at cause amount grantId usageId holdId } } pageInfo { hasNextPage endCursor }
      }
    }
  `),
);

const getCredits = route({
  method: 'get',
  path: '/v1/credits',
  operationId: 'getCredits',
  summary: 'Where prepaid credits stand',
  tag: 'Credits',
  scope: 'credits:read',
  success: [{ status: 200, description: 'available = granted - used - held - expired.', schema: credits }],
  async run(_, execute) {
    const { credits: standing } = await execute(summary, {});
    return { status: 200, body: { ...standing, mode: lowerCase(standing.mode) } };
  },
});

const grantCredits = route({
  method: 'post',
  path: '/v1/credits/grants',
  operationId: 'grantCredits',
  summary: 'Add money to the credits',
  tag: 'Credits',
  scope: 'credits:write',
  body: z
    .strictObject({
      amount: decimalInput,
      expires_at: time.nullish(),
      priority: z.int().nullish().openapi({ description: 'Lower burns first, then what expires soonest; default 0.' }),
      note: z.string().nullish(),
    })
    .openapi('GrantCreditsInput', { example: { amount: '100.00' } }),
  success: [{ status: 201, description: 'The grant.', schema: grant }],
  errors: [400],
  async run({ body }, execute) {
    const { expires_at: expiresAt, ...rest } = body;
    const { grant_credits: made } = await execute(add, { input: { ...rest, expiresAt } });
    return { status: 201, body: made };
  },
});

const listLedger = route({
  method: 'get',
  path: '/v1/credits/ledger',
  operationId: 'listCreditEntries',
  summary: 'Every movement of the credits, newest first',
  description: 'The sum of all movements is the balance.',
  tag: 'Credits',
  scope: 'credits:read',
  query: z.strictObject(pageQuery(PAGE_LIMIT.max)),
  success: [{ status: 200, description: 'A page of movements.', schema: listOf(entry, 'CreditEntryList') }],
  errors: [400],
  async run({ query }, execute) {
    const { credit_ledger: ledger } = await execute(list, { first: query.limit, after: query.cursor });
    const page = toList(ledger);
    return { status: 200, body: { ...page, data: page.data.map((row) => ({ ...row, cause: lowerCase(row.cause) })) } };
  },
});

export const creditRoutes = [getCredits, grantCredits, listLedger];
