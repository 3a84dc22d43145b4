import { createOrganization } from '../../domain/organizations/create-organization.ts';
import { getOrganization } from '../../domain/organizations/get-organization.ts';
import type { NewlyCreatedOrganization } from '../../domain/organizations/insert-organization.ts';
import { listOrganizations, ORGANIZATION_CURSOR } from '../../domain/organizations/list-organizations.ts';
import { updateOrganization } from '../../domain/organizations/update-organization.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';
import {
  CreditsByEnum,
  CreditsModeEnum,
  OrganizationRef,
  OrganizationStatusEnum,
  PlanEnum,
  RETENTION_DESCRIPTION,
} from './access.ts';
import { NewApiKeyRef } from './api-keys.ts';

const NewOrganizationRef = builder.objectRef<NewlyCreatedOrganization>('NewOrganization').implement({
  description: 'An organization that was just created, with its first API key.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('organization', id) }),
    name: t.exposeString('name'),
    plan: t.expose('plan', { type: PlanEnum }),
    credits: t.expose('creditsMode', { type: CreditsModeEnum }),
    creditsBy: t.expose('creditsBy', { type: CreditsByEnum }),
    retentionDays: t.exposeInt('retentionDays', { nullable: true, description: RETENTION_DESCRIPTION }),
    status: t.expose('status', { type: OrganizationStatusEnum }),
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
    creditsBy: t.field({ type: CreditsByEnum }),
    status: t.field({ type: OrganizationStatusEnum }),
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

const OrganizationConnection = builder.connectionObject({ type: OrganizationRef, name: 'OrganizationConnection' });

builder.queryFields((t) => ({
  organization: t.field({
    type: OrganizationRef,
    description:
      'The organization of the API key, which any key may read. With the operator key: the organization with this id.',
    args: {
      id: t.arg.id({
        description: 'Id of the organization. The operator key requires it; an API key must leave it out.',
      }),
    },
    resolve: (_, { id }, context) => getOrganization(context, id),
  }),
  organizations: t.field({
    type: OrganizationConnection,
    description: 'All organizations, newest first. Requires the operator key.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(ORGANIZATION_CURSOR, await listOrganizations(context, args), ({ id }) => id, args.after),
  }),
}));
