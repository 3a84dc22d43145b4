import { z } from '@hono/zod-openapi';
import { BUDGET_ACTIONS, BUDGET_PERIODS } from '../domain/budgets/budget.ts';
import { PAGE_LIMIT } from '../platform/page.ts';
import { graphql } from './http/graphql.ts';
import { operation, route } from './http/route.ts';
import { count, decimal, decimalInput, listOf, oneOf, pageQuery, time, timeZone, toList } from './http/schemas.ts';
import { lowerCase, toUpperCase } from './usage/usage-maps.ts';

const amount = z
  .union([z.string(), z.number()])
  .openapi({ description: 'A decimal string in USD, or a number of tokens.', example: '12.5' });

const scope = z.object({
  team_id: z.string().nullable(),
  user_id: z.string().nullable(),
  provider: z.string().nullable(),
  model: z.string().nullable(),
  api_key_id: z.string().nullable(),
  tags: z.record(z.string(), z.string()).nullable(),
});

const standing = { spent: amount, held: amount, remaining: amount, percent: z.number(), matched_events: count };

const budget = z
  .object({
    id: z.string().openapi({ example: 'budget_01h455vb4pex5vsknk084sn02q' }),
    name: z.string(),
    amount: decimal.nullable(),
    tokens: count.nullable(),
    raise_amount: decimal.nullable(),
    raise_until: time.nullable(),
    period: z.enum(BUDGET_PERIODS),
    timezone: z.string(),
    scope,
    per: z.string().nullable(),
    thresholds: z.array(count),
    action: z.enum(BUDGET_ACTIONS),
    limit: amount,
    ...standing,
    period_start: time,
    period_end: time,
    subject: z.string().nullable(),
    subjects: z.array(z.object({ subject: z.string().nullable(), ...standing })),
    created_at: time,
    updated_at: time,
  })
  .openapi('Budget');

const changeable = {
  amount: decimalInput.nullish().openapi({ description: 'USD. Exactly one of amount and tokens.' }),
  tokens: count.nullish(),
  thresholds: z
    .array(count)
    .nullish()
    .openapi({ example: [50, 80, 100] }),
  action: oneOf(BUDGET_ACTIONS).nullish(),
  raise_amount: decimalInput.nullish().openapi({ description: 'Added to the amount until raise_until.' }),
  raise_until: time.nullish(),
};

const createBody = z
  .strictObject({
    name: z.string().openapi({ example: 'Production' }),
    ...changeable,
    period: oneOf(BUDGET_PERIODS),
    timezone: timeZone.nullish(),
    scope: z
      .strictObject({
        team_id: z.string().nullish(),
        user_id: z.string().nullish(),
        provider: z.string().nullish(),
        model: z.string().nullish(),
        api_key_id: z.string().nullish(),
        tags: z.record(z.string(), z.string()).nullish(),
      })
      .nullish(),
    per: z.string().nullish().openapi({ description: '`team`, `user`, `api_key` or `tag:KEY`.' }),
  })
  .openapi('CreateBudgetInput', {
    example: { name: 'Production', amount: '100.00', period: 'month', action: 'block' },
  });

const updateBody = z.strictObject({ name: z.string().nullish(), ...changeable }).openapi('UpdateBudgetInput');

const budgetFields = graphql(`
  fragment BudgetFields on Budget @_unmask {
    id name amount tokens raiseAmount raiseUntil period timezone scope { teamId userId provider model apiKeyId tags }
    per thresholds action limit spent held remaining percent matchedEvents periodStart periodEnd subject
    subjects { subject spent held remaining percent matchedEvents } createdAt updatedAt
  }
`);

function fromBudget<T extends { period: string; action: string }>(given: T) {
  return { ...given, period: lowerCase(given.period), action: lowerCase(given.action) };
}

type Changes = Omit<z.output<typeof updateBody>, 'name'>;

/** What is left out must stay out: null says "none", and a key without a value would be read as null. */
function toChanges(body: Changes) {
  const { raise_amount: raiseAmount, raise_until: raiseUntil } = body;
  return {
    amount: body.amount,
    tokens: body.tokens,
    thresholds: body.thresholds,
    action: body.action && toUpperCase(body.action),
    ...(raiseAmount === undefined ? {} : { raiseAmount }),
    ...(raiseUntil === undefined ? {} : { raiseUntil }),
  };
}

const create = operation(
  graphql(`mutation CreateBudget($input: CreateBudgetInput!) { createBudget(input: $input) { ...BudgetFields } }`, [
    budgetFields,
  ]),
);
const update = operation(
  graphql(`mutation UpdateBudget($input: UpdateBudgetInput!) { updateBudget(input: $input) { ...BudgetFields } }`, [
    budgetFields,
  ]),
);
const remove = operation(
  graphql(`mutation DeleteBudget($input: DeleteBudgetInput!) { deleteBudget(input: $input) { ...BudgetFields } }`, [
    budgetFields,
  ]),
);
const find = operation(graphql(`query Budget($id: ID!) { budget(id: $id) { ...BudgetFields } }`, [budgetFields]));
const list = operation(
  graphql(
    `query Budgets($first: Int, $after: String) {
      budgets(first: $first, after: $after) {
        edges { node { ...BudgetFields } } pageInfo { hasNextPage endCursor }
      }
    }`,
    [budgetFields],
  ),
);

const idParams = z.object({ id: z.string() });

const createBudget = route({
  method: 'post',
  path: '/v1/budgets',
  operationId: 'createBudget',
  summary: 'Make a budget',
  description: 'What its scope has used in the current period counts from the start.',
  tag: 'Budgets',
  scope: 'budgets:write',
  body: createBody,
  success: [{ status: 201, description: 'The budget.', schema: budget }],
  errors: [400, 409],
  async run({ body }, execute) {
    const { scope: given } = body;
    const input = {
      name: body.name,
      ...toChanges(body),
      period: toUpperCase(body.period),
      timezone: body.timezone,
      per: body.per,
      scope: given && {
        teamId: given.team_id,
        userId: given.user_id,
        provider: given.provider,
        model: given.model,
        apiKeyId: given.api_key_id,
        tags: given.tags,
      },
    };
    const { create_budget: made } = await execute(create, { input });
    return { status: 201, body: fromBudget(made) };
  },
});

const listBudgets = route({
  method: 'get',
  path: '/v1/budgets',
  operationId: 'listBudgets',
  summary: 'The budgets, and where they stand',
  tag: 'Budgets',
  scope: 'budgets:read',
  query: z.strictObject(pageQuery(PAGE_LIMIT.max)),
  success: [{ status: 200, description: 'A page of budgets, newest first.', schema: listOf(budget, 'BudgetList') }],
  errors: [400],
  async run({ query }, execute) {
    const { budgets } = await execute(list, { first: query.limit, after: query.cursor });
    const page = toList(budgets);
    return { status: 200, body: { ...page, data: page.data.map(fromBudget) } };
  },
});

const getBudget = route({
  method: 'get',
  path: '/v1/budgets/{id}',
  operationId: 'getBudget',
  summary: 'One budget, and where it stands',
  tag: 'Budgets',
  scope: 'budgets:read',
  params: idParams,
  success: [{ status: 200, description: 'The budget.', schema: budget }],
  errors: [404],
  run: async ({ params }, execute) => ({ status: 200, body: fromBudget((await execute(find, params)).budget) }),
});

const updateBudget = route({
  method: 'patch',
  path: '/v1/budgets/{id}',
  operationId: 'updateBudget',
  summary: 'Change a budget',
  description: 'What is left out stays. What is counted (scope, per, period, timezone) cannot be changed.',
  tag: 'Budgets',
  scope: 'budgets:write',
  params: idParams,
  body: updateBody,
  success: [{ status: 200, description: 'The budget.', schema: budget }],
  errors: [400, 404],
  async run({ params, body }, execute) {
    const { update_budget: changed } = await execute(update, {
      input: { id: params.id, name: body.name, ...toChanges(body) },
    });
    return { status: 200, body: fromBudget(changed) };
  },
});

const deleteBudget = route({
  method: 'delete',
  path: '/v1/budgets/{id}',
  operationId: 'deleteBudget',
  summary: 'End a budget',
  tag: 'Budgets',
  scope: 'budgets:write',
  params: idParams,
  success: [{ status: 200, description: 'The budget as it stood.', schema: budget }],
  errors: [404],
  async run({ params }, execute) {
    const { delete_budget: ended } = await execute(remove, { input: { id: params.id } });
    return { status: 200, body: fromBudget(ended) };
  },
});

export const budgetRoutes = [createBudget, listBudgets, getBudget, updateBudget, deleteBudget];
