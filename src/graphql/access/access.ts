import type { Caller } from '../../domain/access/caller.ts';
import { whereApiKeys } from '../../domain/access/where-api-keys.ts';
import type { RateLimitState } from '../../platform/rate-limits/rate-limiter.ts';
import { builder } from '../builder/builder.ts';
import { ApiKeyRef } from './api-keys.ts';

export const PlanEnum = builder.enumType('Plan', {
  description:
    'How many requests an organization may make: by default 100 an hour with `FREE`, 1,000 with `PRO`, no limit with `ENTERPRISE`.',
  values: { FREE: { value: 'free' }, PRO: { value: 'pro' }, ENTERPRISE: { value: 'enterprise' } } as const,
});
export const CreditsModeEnum = builder.enumType('CreditsMode', {
  description: 'How an organization pays: with `NONE` it has no credits; with `PREPAID` its grants pay for its usage.',
  values: { NONE: { value: 'none' }, PREPAID: { value: 'prepaid' } } as const,
});

export const CreditsByEnum = builder.enumType('CreditsBy', {
  description:
    'Whose key may grant credits: with `ORGANIZATION` its own keys with the scope `credits:write`, and the operator key; ' +
    'with `OPERATOR` the operator key alone.',
  values: { ORGANIZATION: { value: 'organization' }, OPERATOR: { value: 'operator' } } as const,
});
export const OrganizationStatusEnum = builder.enumType('OrganizationStatus', {
  description:
    'Whether an organization can be used: all keys of a `SUSPENDED` one are refused with `insufficient_permissions`. ' +
    'Its data is kept.',
  values: { ACTIVE: { value: 'active' }, SUSPENDED: { value: 'suspended' } } as const,
});

export const RETENTION_DESCRIPTION =
  'Number of days that raw events are kept; null: as long as the server is set to keep them, by default forever.';

export const OrganizationRef = builder.prismaNode('Organization', {
  description: 'A tenant: its keys see its own data only.',
  id: { field: 'id' },
  nullable: true,
  findUnique: (id, { caller }) => ({ id, AND: { id: caller.organization.id } }),
  fields: (t) => ({
    name: t.exposeString('name'),
    plan: t.expose('plan', { type: PlanEnum }),
    credits: t.expose('creditsMode', { type: CreditsModeEnum }),
    creditsBy: t.expose('creditsBy', { type: CreditsByEnum }),
    retentionDays: t.exposeInt('retentionDays', { nullable: true, description: RETENTION_DESCRIPTION }),
    status: t.expose('status', { type: OrganizationStatusEnum }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});

const RateLimitRef = builder.objectRef<RateLimitState>('RateLimit').implement({
  description: "The plan's limit on requests, over all keys of the organization.",
  fields: (t) => ({
    limit: t.expose('limit', { type: 'SafeInt', description: 'Maximum number of requests in an hour.' }),
    remaining: t.expose('remaining', {
      type: 'SafeInt',
      description: 'Number of requests that are left in this hour.',
    }),
    reset: t.field({
      type: 'SafeInt',
      description: 'When all requests are available again, in seconds since 1970-01-01T00:00:00Z.',
      resolve: ({ resetMs }) => Math.ceil(resetMs / 1000),
    }),
  }),
});

const MeRef = builder.objectRef<Caller>('Me').implement({
  description: 'The API key of this request, its organization, and what it may do.',
  fields: (t) => ({
    organization: t.prismaField({
      type: OrganizationRef,
      resolve: (query, { organization }, _args, { resources }) =>
        resources.database.prisma.organization.findUniqueOrThrow({ ...query, where: { id: organization.id } }),
    }),
    apiKey: t.prismaField({
      type: ApiKeyRef,
      resolve: (query, caller, _args, { resources }) =>
        resources.database.prisma.apiKey.findUniqueOrThrow({
          ...query,
          where: { AND: whereApiKeys(caller), id: caller.apiKeyId },
        }),
    }),
    scopes: t.stringList({
      description: 'What the key may do; `admin` includes every other scope.',
      resolve: (caller) => [...caller.scopes],
    }),
    rateLimit: t.field({
      type: RateLimitRef,
      nullable: true,
      description: 'Null where the plan has no limit on requests, and while requests cannot be counted.',
      resolve: (caller, _, { resources }) => resources.planLimits.peek(caller.organization),
    }),
  }),
});

builder.queryField('me', (t) =>
  t.field({
    type: MeRef,
    description: 'The API key of this request, and what it may do. Any key may ask.',
    resolve: (_, __, { caller }) => caller,
  }),
);
