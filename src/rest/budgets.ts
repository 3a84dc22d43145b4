import { graphql } from './http/graphql.ts';
import { operation } from './http/operation.ts';
import { route } from './http/route.ts';

const budgetFields = graphql(`
  fragment BudgetFields on Budget @_unmask {
    id name amount tokens raiseAmount raiseUntil period timezone scope { teamId userId provider model apiKeyId tags }
    per thresholds action limit spent held remaining percent matchedEvents periodStart periodEnd subject
    subjects { subject spent held remaining percent matchedEvents } createdAt updatedAt endedAt
  }
`);

const createBudget = route({
  method: 'post',
  path: '/v1/budgets',
  operationId: 'createBudget',
  summary: 'Make a budget',
  description:
    'What its scope has used in the current period counts from the start, and so do the holds that are open.',
  tag: 'Budgets',
  scope: 'budgets:write',
  operation: operation(
    graphql(`mutation CreateBudget($input: CreateBudgetInput!) { createBudget(input: $input) { ...BudgetFields } }`, [
      budgetFields,
    ]),
  ),
  body: 'CreateBudgetInput',
  success: [{ status: 201, description: 'The budget.' }],
  errors: [400, 409],
});

const listBudgets = route({
  method: 'get',
  path: '/v1/budgets',
  operationId: 'listBudgets',
  summary: 'The budgets, and where they stand',
  tag: 'Budgets',
  scope: 'budgets:read',
  operation: operation(
    graphql(
      `query Budgets($first: Int, $after: String) {
        budgets(first: $first, after: $after) {
          edges { node { ...BudgetFields } } pageInfo { hasNextPage endCursor }
        }
      }`,
      [budgetFields],
    ),
  ),
  success: [{ status: 200, description: 'A page of budgets, newest first.' }],
  errors: [400],
});

const getBudget = route({
  method: 'get',
  path: '/v1/budgets/{id}',
  operationId: 'getBudget',
  summary: 'One budget, and where it stands',
  tag: 'Budgets',
  scope: 'budgets:read',
  operation: operation(graphql(`query Budget($id: ID!) { budget(id: $id) { ...BudgetFields } }`, [budgetFields])),
  success: [{ status: 200, description: 'The budget.' }],
  errors: [404],
});

const listSubjects = route({
  method: 'get',
  path: '/v1/budgets/{id}/subjects',
  operationId: 'listBudgetSubjects',
  summary: 'Each subject of a budget with `per`, and what it has used',
  tag: 'Budgets',
  scope: 'budgets:read',
  operation: operation(
    graphql(`
      query BudgetSubjects($id: ID!, $first: Int, $after: String) {
        budgetSubjects(id: $id, first: $first, after: $after) {
          edges { node { subject spent held remaining percent matchedEvents } } pageInfo { hasNextPage endCursor }
        }
      }
    `),
  ),
  success: [{ status: 200, description: 'A page of subjects, in the order of their names.' }],
  errors: [400, 404],
});

const updateBudget = route({
  method: 'patch',
  path: '/v1/budgets/{id}',
  operationId: 'updateBudget',
  summary: 'Change a budget',
  description: 'What is left out stays. What is counted (scope, per, period, timezone) cannot be changed.',
  tag: 'Budgets',
  scope: 'budgets:write',
  operation: operation(
    graphql(`mutation UpdateBudget($input: UpdateBudgetInput!) { updateBudget(input: $input) { ...BudgetFields } }`, [
      budgetFields,
    ]),
  ),
  body: 'UpdateBudgetInput',
  success: [{ status: 200, description: 'The budget.' }],
  errors: [400, 404, 409],
});

const deleteBudget = route({
  method: 'delete',
  path: '/v1/budgets/{id}',
  operationId: 'deleteBudget',
  summary: 'End a budget',
  tag: 'Budgets',
  scope: 'budgets:write',
  operation: operation(
    graphql(`mutation DeleteBudget($input: DeleteBudgetInput!) { deleteBudget(input: $input) { ...BudgetFields } }`, [
      budgetFields,
    ]),
  ),
  success: [{ status: 200, description: 'The budget as it stood.' }],
  errors: [404],
});

export const budgetRoutes = [createBudget, listBudgets, getBudget, listSubjects, updateBudget, deleteBudget];
