import { z } from '@hono/zod-openapi';
import { SCOPES } from '../../domain/access/scopes.ts';
import { graphql } from '../http/graphql.ts';
import { operation, route } from '../http/route.ts';
import { count, time } from '../http/schemas.ts';
import { lowerCase } from '../usage/usage-maps.ts';

const PLANS = ['free', 'pro', 'enterprise'] as const;

export const organizationSchema = z
  .object({
    id: z.string().openapi({ example: 'org_01h455vb4pex5vsknk084sn02q' }),
    name: z.string(),
    plan: z.enum(PLANS),
    credits: z.enum(['none', 'prepaid']),
    retention_days: count.nullable(),
    created_at: time,
  })
  .openapi('Organization');

const me = z
  .object({
    organization: organizationSchema,
    plan: z.enum(PLANS),
    api_key: z.object({
      id: z.string(),
      name: z.string(),
      hint: z.string(),
      team_id: z.string().nullable(),
      expires_at: time.nullable(),
      last_used_at: time.nullable(),
      created_at: time,
    }),
    scopes: z.array(z.enum(SCOPES)),
    rate_limit: z
      .object({ limit: count, remaining: count, reset: count.openapi({ description: 'Epoch seconds.' }) })
      .nullable()
      .openapi({ description: 'Null: the plan has no limit.' }),
  })
  .openapi('Me');

const whoAmI = operation(
  graphql(`
    query Me {
      me {
        organization { id name plan credits retentionDays createdAt }
        apiKey { id name hint team { id } expiresAt lastUsedAt createdAt }
        scopes
        rateLimit { limit remaining reset }
      }
    }
  `),
);

const getMe = route({
  method: 'get',
  path: '/v1/me',
  operationId: 'getMe',
  summary: 'Who you are, and what you may do',
  tag: 'Access',
  scope: null,
  success: [{ status: 200, description: 'The organization, key, scopes and rate limit.', schema: me }],
  async run(_, execute) {
    const { me: answer } = await execute(whoAmI, {});
    const { organization: given, api_key: key, ...rest } = answer;
    const plan = lowerCase(given.plan);
    const organization = { ...given, plan, credits: lowerCase(given.credits) };
    const { team, ...apiKey } = key;
    return { status: 200, body: { organization, plan, api_key: { ...apiKey, team_id: team?.id ?? null }, ...rest } };
  },
});

export const accessRoutes = [getMe];
