import { createOrganization } from '../../domain/organizations/create-organization.ts';
import type { NewlyCreatedOrganization } from '../../domain/organizations/insert-organization.ts';
import { updateOrganization } from '../../domain/organizations/update-organization.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { CreditsModeEnum, OrganizationRef, PlanEnum } from './access.ts';

const NewApiKeyRef = builder.objectRef<{ id: string; secret: string }>('NewApiKey').implement({
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('apiKey', id) }),
    secret: t.exposeString('secret', { description: 'Shown this once: only its hash is stored.' }),
  }),
});

const NewOrganizationRef = builder.objectRef<NewlyCreatedOrganization>('NewOrganization').implement({
  description: "An organization that was just made, with its owner's key.",
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('organization', id) }),
    name: t.exposeString('name'),
    plan: t.expose('plan', { type: PlanEnum }),
    credits: t.expose('creditsMode', { type: CreditsModeEnum }),
    retentionDays: t.exposeInt('retentionDays', { nullable: true }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    apiKey: t.field({ type: NewApiKeyRef, description: 'Scope admin.', resolve: ({ apiKey }) => apiKey }),
  }),
});

const CreateOrganizationInput = builder.inputType('CreateOrganizationInput', {
  fields: (t) => ({
    name: t.string({ required: true, description: '1 to 100 characters.' }),
    plan: t.field({ type: PlanEnum, description: 'Default FREE.' }),
    credits: t.field({ type: CreditsModeEnum, description: 'Default NONE.' }),
  }),
});
const UpdateOrganizationInput = builder.inputType('UpdateOrganizationInput', {
  description: 'Fields that are left out stay as they are.',
  fields: (t) => ({
    id: t.id({ required: true }),
    name: t.string({ description: '1 to 100 characters.' }),
    plan: t.field({ type: PlanEnum }),
    credits: t.field({ type: CreditsModeEnum }),
    retentionDays: t.int({
      description: 'How many days raw events are kept: 1 to 36,500. Null: they are never removed.',
    }),
  }),
});

builder.mutationFields((t) => ({
  createOrganization: t.field({
    type: NewOrganizationRef,
    description: "Makes an organization and its owner's key. Only with the operator key.",
    args: { input: t.arg({ type: CreateOrganizationInput, required: true }) },
    resolve: (_, { input: { credits, ...input } }, context) =>
      createOrganization(context, { ...input, creditsMode: credits }),
  }),
  updateOrganization: t.field({
    type: OrganizationRef,
    description: 'Changes an organization. Only with the operator key.',
    args: { input: t.arg({ type: UpdateOrganizationInput, required: true }) },
    resolve: (_, { input: { credits, ...input } }, context) =>
      updateOrganization(context, { ...input, creditsMode: credits }),
  }),
}));
