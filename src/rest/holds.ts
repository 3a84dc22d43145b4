import { z } from '@hono/zod-openapi';
import { HOLD_SECONDS } from '../domain/holds/create-hold.ts';
import { HOLD_STATUSES } from '../domain/holds/hold.ts';
import { graphql } from './http/graphql.ts';
import { operation, route } from './http/route.ts';
import { count, decimal, decimalInput, time } from './http/schemas.ts';
import { lowerCase } from './usage/usage-maps.ts';

const amount = z.union([z.string(), z.number()]);

const holdFields = {
  id: z.string().openapi({ example: 'hold_01h455vb4pex5vsknk084sn02q' }),
  status: z.enum(HOLD_STATUSES),
  provider: z.string(),
  model: z.string(),
  amount: decimal.nullable(),
  tokens: count,
  created_at: time,
  expires_at: time,
};

const hold = z.object(holdFields).openapi('Hold');

const createdHold = z
  .object({
    ...holdFields,
    budgets: z.array(z.object({ id: z.string(), limit: amount, spent: amount, held: amount, remaining: amount })),
    credits: z.object({ available: decimal }).nullable(),
  })
  .openapi('CreatedHold');

const body = z
  .strictObject({
    provider: z.string(),
    model: z.string(),
    input_tokens: count,
    max_output_tokens: count,
    team_id: z.string().nullish(),
    user_id: z.string().nullish(),
    tags: z.record(z.string(), z.string()).nullish(),
    expires_in: count
      .nullish()
      .openapi({ description: `Seconds, 1 to ${HOLD_SECONDS.max}; default ${HOLD_SECONDS.default}.`, example: 300 }),
    amount: decimalInput.nullish().openapi({ description: 'USD, instead of the computed worst case.' }),
  })
  .openapi('CreateHoldInput', {
    example: { provider: 'openai', model: 'gpt-4o', input_tokens: 1000, max_output_tokens: 500 },
  });

const create = operation(
  graphql(`
    mutation CreateHold($input: CreateHoldInput!) {
      createHold(input: $input) {
        id status provider model amount tokens createdAt expiresAt
        budgets { id limit spent held remaining } credits { available }
      }
    }
  `),
);
const release = operation(
  graphql(`
    mutation ReleaseHold($input: ReleaseHoldInput!) {
      releaseHold(input: $input) { id status provider model amount tokens createdAt expiresAt }
    }
  `),
);

const createHold = route({
  method: 'post',
  path: '/v1/usage/holds',
  operationId: 'createHold',
  summary: 'Reserve the worst case of a call before it is made',
  description:
    'Exact under any number of parallel calls: refused with 402 when a blocking budget or prepaid credits have no ' +
    'room. A usage event with `hold_id` settles it; it ends by itself when it expires.',
  tag: 'Holds',
  scope: 'usage:write',
  body,
  success: [{ status: 201, description: 'The hold, and the budgets after it.', schema: createdHold }],
  errors: [400, 402],
  async run({ body: given }, execute) {
    const input = {
      provider: given.provider,
      model: given.model,
      inputTokens: given.input_tokens,
      maxOutputTokens: given.max_output_tokens,
      teamId: given.team_id,
      userId: given.user_id,
      tags: given.tags,
      expiresIn: given.expires_in,
      amount: given.amount,
    };
    const { create_hold: made } = await execute(create, { input });
    return { status: 201, body: { ...made, status: lowerCase(made.status) } };
  },
});

const releaseHold = route({
  method: 'delete',
  path: '/v1/usage/holds/{id}',
  operationId: 'releaseHold',
  summary: 'Give back what a hold reserves',
  tag: 'Holds',
  scope: 'usage:write',
  params: z.object({ id: z.string() }),
  success: [{ status: 200, description: 'The hold, released; or as it ended before.', schema: hold }],
  errors: [404, 409],
  async run({ params }, execute) {
    const { release_hold: released } = await execute(release, { input: { id: params.id } });
    return { status: 200, body: { ...released, status: lowerCase(released.status) } };
  },
});

export const holdRoutes = [createHold, releaseHold];
