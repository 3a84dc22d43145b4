import type { Caller } from '../../domain/access/caller.ts';
import { requireScope } from '../../domain/access/require-scope.ts';
import { whereApiKeys } from '../../domain/access/where-api-keys.ts';
import type { RateLimitState } from '../../platform/rate-limiter.ts';
import { builder } from '../builder/builder.ts';

export const PlanEnum = builder.enumType('Plan', {
  values: { FREE: { value: 'free' }, PRO: { value: 'pro' }, ENTERPRISE: { value: 'enterprise' } } as const,
});
export const CreditsModeEnum = builder.enumType('CreditsMode', {
  values: { NONE: { value: 'none' }, PREPAID: { value: 'prepaid' } } as const,
});

export const OrganizationRef = builder.prismaNode('Organization', {
  id: { field: 'id' },
  nullable: true,
  findUnique: (id, { caller }) => ({ id, AND: { id: caller.organization.id } }),
  fields: (t) => ({
    name: t.exposeString('name'),
    plan: t.expose('plan', { type: PlanEnum }),
    credits: t.expose('creditsMode', { type: CreditsModeEnum }),
    retentionDays: t.exposeInt('retentionDays', { nullable: true }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});

export const ApiKeyRef = builder.prismaNode('ApiKey', {
  id: { field: 'id' },
  nullable: true,
  findUnique(id, { caller }) {
    // A key may always look at itself.
    if (id !== caller.apiKeyId) requireScope(caller, 'keys:write');
    return { AND: whereApiKeys(caller), id };
  },
  fields: (t) => ({
    name: t.exposeString('name'),
    hint: t.exposeString('hint', { description: 'The last characters of the secret.' }),
    scopes: t.exposeStringList('scopes'),
    team: t.relation('team', { nullable: true }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true }),
    lastUsedAt: t.expose('lastUsedAt', { type: 'DateTime', nullable: true }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});

const RateLimitRef = builder.objectRef<RateLimitState>('RateLimit').implement({
  fields: (t) => ({
    limit: t.expose('limit', { type: 'SafeInt' }),
    remaining: t.expose('remaining', { type: 'SafeInt' }),
    reset: t.field({
      type: 'SafeInt',
      description: 'Epoch seconds.',
      resolve: ({ resetMs }) => Math.ceil(resetMs / 1000),
    }),
  }),
});

const MeRef = builder.objectRef<Caller>('Me').implement({
  description: 'Who you are, and what you may do.',
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
    scopes: t.stringList({ resolve: (caller) => [...caller.scopes] }),
    rateLimit: t.field({
      type: RateLimitRef,
      nullable: true,
      description: 'Null where the plan has no limit.',
      resolve: (caller, _, { resources }) => resources.planLimits.peek(caller),
    }),
  }),
});

builder.queryFields((t) => ({
  me: t.field({ type: MeRef, resolve: (_, __, { caller }) => caller }),
  organization: t.prismaField({
    type: OrganizationRef,
    resolve: (query, _root, _args, { caller, resources }) =>
      resources.database.prisma.organization.findUniqueOrThrow({ ...query, where: { id: caller.organization.id } }),
  }),
}));
