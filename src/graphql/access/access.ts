import type { Caller } from '../../domain/access/caller.ts';
import { requireScope } from '../../domain/access/require-scope.ts';
import { whereApiKeys } from '../../domain/access/where-api-keys.ts';
import type { RateLimitState } from '../../platform/rate-limits/rate-limiter.ts';
import { builder } from '../builder/builder.ts';

export const PlanEnum = builder.enumType('Plan', {
  description:
    'How many requests an organization may make: by default 100 an hour with `FREE`, 1,000 with `PRO`, no limit with `ENTERPRISE`.',
  values: { FREE: { value: 'free' }, PRO: { value: 'pro' }, ENTERPRISE: { value: 'enterprise' } } as const,
});
export const CreditsModeEnum = builder.enumType('CreditsMode', {
  description: 'How an organization pays: with `NONE` it has no credits; with `PREPAID` its grants pay for its usage.',
  values: { NONE: { value: 'none' }, PREPAID: { value: 'prepaid' } } as const,
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
    retentionDays: t.exposeInt('retentionDays', { nullable: true, description: RETENTION_DESCRIPTION }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});

export const ApiKeyRef = builder.prismaNode('ApiKey', {
  description: 'A key that callers authenticate with, without its secret.',
  id: { field: 'id' },
  nullable: true,
  findUnique(id, { caller }) {
    // A key may always read itself.
    if (id !== caller.apiKeyId) requireScope(caller, 'keys:write');
    return { AND: whereApiKeys(caller), id };
  },
  fields: (t) => ({
    name: t.exposeString('name'),
    hint: t.exposeString('hint', { description: 'The last characters of the secret.' }),
    scopes: t.exposeStringList('scopes', { description: 'What the key may do; `admin` includes every other scope.' }),
    team: t.relation('team', {
      nullable: true,
      description: 'The team whose data the key is limited to; null: the whole organization.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the key expires; null: never.',
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the key was last used; null: never.',
    }),
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
      resolve: (caller, _, { resources }) => resources.planLimits.peek(caller),
    }),
  }),
});

builder.queryFields((t) => ({
  me: t.field({
    type: MeRef,
    description: 'The API key of this request, and what it may do. Any key may ask.',
    resolve: (_, __, { caller }) => caller,
  }),
  organization: t.prismaField({
    type: OrganizationRef,
    description: 'The organization of the API key. Any key may ask.',
    resolve: (query, _root, _args, { caller, resources }) =>
      resources.database.prisma.organization.findUniqueOrThrow({ ...query, where: { id: caller.organization.id } }),
  }),
}));
