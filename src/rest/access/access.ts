import { z } from '@hono/zod-openapi';
import { SCOPES } from '../../domain/access/scopes.ts';
import { fragmentSchema } from '../http/answer-schema.ts';
import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';
import { organizationFields } from './organizations.ts';

const keyFields = graphql(`
  fragment KeyFields on ApiKey @_unmask { id name hint expiresAt lastUsedAt createdAt }
`);
const rateLimitFields = graphql(`fragment RateLimitFields on RateLimit @_unmask { limit remaining reset }`);

const organization = fragmentSchema(organizationFields);

const getMe = route({
  method: 'get',
  path: '/v1/me',
  operationId: 'getMe',
  summary: 'Who you are, and what you may do',
  tag: 'Access',
  scope: null,
  operation: operation(
    graphql(
      `query Me {
        me {
          organization { ...OrganizationFields }
          apiKey { ...KeyFields team { id } }
          scopes
          rateLimit { ...RateLimitFields }
        }
      }`,
      [organizationFields, keyFields, rateLimitFields],
    ),
  ),
  success: [
    {
      status: 200,
      description: 'The organization, key, scopes and rate limit.',
      schema: z
        .object({
          organization,
          plan: organization.shape.plan ?? z.string(),
          api_key: z.object({ ...fragmentSchema(keyFields, 'CurrentApiKey').shape, team_id: z.string().nullable() }),
          scopes: z.array(z.enum(SCOPES)),
          rate_limit: fragmentSchema(rateLimitFields)
            .nullable()
            .openapi({ description: 'Null where the plan has no limit, and while requests cannot be counted.' }),
        })
        .openapi('Me'),
    },
  ],
  respell({ api_key: { team, ...key }, ...me }) {
    return { ...me, plan: me.organization.plan, api_key: { ...key, team_id: team?.id ?? null } };
  },
});

export const accessRoutes = [getMe];
