import { createOrganization } from '../../domain/organizations/create-organization.ts';
import type { NewlyCreatedOrganization } from '../../domain/organizations/insert-organization.ts';
import { updateOrganization } from '../../domain/organizations/update-organization.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { CreditsModeEnum, OrganizationRef, PlanEnum, RETENTION_DESCRIPTION } from './access.ts';

export const NewApiKeyRef = builder.objectRef<{ id: string; secret: string }>('NewApiKey').implement({
  description: 'An API key that was just created, with its secret.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('apiKey', id) }),
    secret: t.exposeString('secret', {
      description: 'The key to send as a bearer token. It is shown only once, because only its hash is stored.',
    }),
  }),
});

const NewOrganizationRef = builder.objectRef<NewlyCreatedOrganization>('NewOrganization').implement({
  description: 'An organization that was just created, with its first API key.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('organization', id) }),
    name: t.exposeString('name'),
    plan: t.expose('plan', { type: PlanEnum }),
    credits: t.expose('creditsMode', { type: CreditsModeEnum }),
    retentionDays: t.exposeInt('retentionDays', { nullable: true, description: RETENTION_DESCRIPTION }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    apiKey: t.field({
      type: NewApiKeyRef,
      description: 'The first API key, with the scope `admin`.',
      resolve: ({ apiKey }) => apiKey,
    }),
  }),
});

const CreateOrganizationInput = builder.inputType('CreateOrganizationInput', {
  fields: (t) => ({
    name: t.string({ required: true, description: '1 to 100 characters.' }),
    plan: t.field({
      type: PlanEnum,
      description:
        'Default: `FREE`. It limits requests: 100 an hour with `FREE`, 1,000 with `PRO`, no limit with `ENTERPRISE`.',
    }),
    credits: t.field({ type: CreditsModeEnum, description: 'Default: `NONE`. With `PREPAID`, grants pay for usage.' }),
  }),
});
const UpdateOrganizationInput = builder.inputType('UpdateOrganizationInput', {
  description: 'Fields that are left out stay as they are.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Id of the organization.' }),
    name: t.string({ description: '1 to 100 characters.' }),
    plan: t.field({ type: PlanEnum }),
    credits: t.field({ type: CreditsModeEnum }),
    retentionDays: t.int({
      description:
        'Number of days that raw events are kept: 1 to 36,500. Null: as long as the server is set to keep them, by ' +
        'default forever.',
    }),
  }),
});

builder.mutationFields((t) => ({
  createOrganization: t.field({
    type: NewOrganizationRef,
    description: 'Creates an organization and its first API key. Requires the operator key.',
    args: { input: t.arg({ type: CreateOrganizationInput, required: true }) },
    resolve: (_, { input: { credits, ...input } }, context) =>
      createOrganization(context, { ...input, creditsMode: credits }),
  }),
  updateOrganization: t.field({
    type: OrganizationRef,
    description: 'Changes an organization. Requires the operator key.',
    args: { input: t.arg({ type: UpdateOrganizationInput, required: true }) },
    resolve: (_, { input: { credits, ...input } }, context) =>
      updateOrganization(context, { ...input, creditsMode: credits }),
  }),
}));
