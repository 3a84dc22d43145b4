import { z } from '@hono/zod-openapi';
import { fragmentSchema } from './http/answer-schema.ts';
import { graphql } from './http/graphql.ts';
import { operation } from './http/operation.ts';
import { route } from './http/route.ts';

const resultFields = graphql(`
  fragment RepriceResultFields on RepriceResult @_unmask {
    events changed costBefore costAfter difference
    data(limit: 10000) { provider model day events costBefore costAfter difference }
  }
`);

const jobFields = graphql(
  `fragment JobFields on Job @_unmask {
    id kind status input { start end provider model teamId } progress { done total } result { ...RepriceResultFields }
    error createdAt startedAt finishedAt
  }`,
  [resultFields],
);

const repriceOperation = operation(
  graphql(
    `mutation RepriceUsage($input: RepriceUsageInput!) {
      repriceUsage(input: $input) { preview { ...RepriceResultFields } job { ...JobFields } }
    }`,
    [resultFields, jobFields],
  ),
);

const preview = z
  .object({ dry_run: z.literal(true), ...fragmentSchema(resultFields).shape })
  .openapi('RepricePreview', { description: 'What re-pricing would change.' });

const repriceUsage = route({
  method: 'post',
  path: '/v1/prices/reprice',
  operationId: 'repriceUsage',
  summary: 'Price recorded events again',
  description:
    "By the prices of today for the events' own times. With `dry_run` it says what would change, else a job changes " +
    'it. The event keeps its `original_cost` and lists the adjustment; totals, budgets and credits follow. Costs that ' +
    'callers gave stay, and so do those of events that have no price.',
  tag: 'Prices',
  scope: 'prices:write',
  operation: repriceOperation,
  body: 'RepriceUsageInput',
  success: [
    { status: 200, description: 'With `dry_run`: what would change. Nothing was written.', schema: preview },
    { status: 202, description: 'The job, which has just been queued.', schema: fragmentSchema(jobFields) },
  ],
  errors: [400, 409],
  async run({ variables }, execute) {
    const { reprice_usage: repricing } = await execute(repriceOperation, variables);
    if (repricing.preview) return { status: 200, body: { dry_run: true, ...repricing.preview } };
    return { status: 202, body: repricing.job };
  },
});

const getJob = route({
  method: 'get',
  path: '/v1/jobs/{id}',
  operationId: 'getJob',
  summary: 'One job, and how far it is',
  tag: 'Jobs',
  scope: 'prices:read',
  operation: operation(graphql(`query Job($id: ID!) { job(id: $id) { ...JobFields } }`, [jobFields])),
  success: [{ status: 200, description: 'The job.' }],
  errors: [404],
});

const listJobs = route({
  method: 'get',
  path: '/v1/jobs',
  operationId: 'listJobs',
  summary: 'The jobs, and how far they are',
  description:
    'In the list `data` of a `result` is empty: the job itself has it. One that has ended is kept for 90 days.',
  tag: 'Jobs',
  scope: 'prices:read',
  operation: operation(
    graphql(
      `query Jobs($first: Int, $after: String) {
        jobs(first: $first, after: $after) {
          edges {
            node {
              id kind status input { start end provider model teamId } progress { done total }
              result {
                events changed costBefore costAfter difference
                data(limit: 0) { provider model day events costBefore costAfter difference }
              }
              error createdAt startedAt finishedAt
            }
          }
          pageInfo { hasNextPage endCursor }
        }
      }`,
    ),
  ),
  success: [{ status: 200, description: 'A page of jobs, newest first.' }],
  errors: [400],
});

export const jobRoutes = [repriceUsage, listJobs, getJob];
