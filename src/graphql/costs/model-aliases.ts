import { createModelAlias } from '../../domain/pricing/own/create-model-alias.ts';
import { deleteModelAlias } from '../../domain/pricing/own/delete-model-alias.ts';
import { ALIAS_CURSOR, getModelAlias, listModelAliases } from '../../domain/pricing/own/list-model-aliases.ts';
import { ALIAS_LIMITS, type ModelAlias } from '../../domain/pricing/own/model-alias.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';

const ModelAliasRef = builder.objectRef<ModelAlias>('ModelAlias');

builder.node(ModelAliasRef, {
  description: 'The name by which the price of a model is looked up instead of its own. Events keep their model.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getModelAlias(context, formatId('modelAlias', uuid)),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'targetModel' in value,
  fields: (t) => ({
    provider: t.exposeString('provider'),
    model: t.exposeString('model', { description: 'The model as events name it, in lower case.' }),
    targetProvider: t.exposeString('targetProvider'),
    targetModel: t.exposeString('targetModel', { description: 'The model whose price is charged.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});

const CreateModelAliasInput = builder.inputType('CreateModelAliasInput', {
  fields: (t) => ({
    provider: t.string({ required: true }),
    model: t.string({ required: true, description: 'The whole name of the model, as events name it.' }),
    targetProvider: t.string({ description: 'Default: `provider`.' }),
    targetModel: t.string({
      required: true,
      description: "The model whose price is charged: the catalog's or your own. An alias of it is not followed.",
    }),
  }),
});

const DeleteModelAliasInput = builder.inputType('DeleteModelAliasInput', {
  fields: (t) => ({ id: t.id({ required: true, description: 'Id of the alias.' }) }),
});

const ModelAliasConnection = builder.connectionObject({ type: ModelAliasRef, name: 'ModelAliasConnection' });

builder.mutationFields((t) => ({
  createModelAlias: t.field({
    type: ModelAliasRef,
    description:
      'Lets the price of a model be looked up under another name. A model has one alias at most, and an organization ' +
      `${ALIAS_LIMITS.aliases}. Requires the scope \`prices:write\`, and a key that is not bound to a team.`,
    args: { input: t.arg({ type: CreateModelAliasInput, required: true }) },
    resolve: (_, { input }, context) => createModelAlias(context, input),
  }),
  deleteModelAlias: t.field({
    type: ModelAliasRef,
    description:
      'Deletes an alias and returns it as it was. What was priced by it stays. Requires the scope `prices:write`, and a key ' +
      'that is not bound to a team.',
    args: { input: t.arg({ type: DeleteModelAliasInput, required: true }) },
    resolve: (_, { input }, context) => deleteModelAlias(context, input),
  }),
}));

builder.queryFields((t) => ({
  modelAliases: t.field({
    type: ModelAliasConnection,
    description: 'The aliases of models, newest first. Requires the scope `prices:read`.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(ALIAS_CURSOR, await listModelAliases(context, args), ({ id }) => id, args.after),
  }),
}));
