import type { AnomalyMute } from '../../domain/anomalies/mutes/anomaly-mute.ts';
import { createAnomalyMute } from '../../domain/anomalies/mutes/create-anomaly-mute.ts';
import { deleteAnomalyMute } from '../../domain/anomalies/mutes/delete-anomaly-mute.ts';
import { getAnomalyMute, listAnomalyMutes, MUTE_CURSOR } from '../../domain/anomalies/mutes/list-anomaly-mutes.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';

const MuteRef = builder.objectRef<AnomalyMute>('AnomalyMute');

builder.node(MuteRef, {
  description: 'Anomalies that are not told until a time. Incidents are followed all the same.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getAnomalyMute(context, uuid),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'until' in value && 'apiKeyId' in value,
  fields: (t) => ({
    teamId: t.id({
      nullable: true,
      description: 'Only anomalies of this team and of the API keys that are bound to it.',
      resolve: ({ teamId }) => teamId && formatId('team', teamId),
    }),
    apiKeyId: t.id({
      nullable: true,
      description: 'Only anomalies of this API key.',
      resolve: ({ apiKeyId }) => apiKeyId && formatId('apiKey', apiKeyId),
    }),
    until: t.expose('until', { type: 'DateTime', description: 'When anomalies are told again.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});

const CreateAnomalyMuteInput = builder.inputType('CreateAnomalyMuteInput', {
  fields: (t) => ({
    teamId: t.id({
      description:
        "Only anomalies of this team and of the API keys that are bound to it; default: all, or those of the key's own team.",
    }),
    apiKeyId: t.id({ description: 'Only anomalies of this API key.' }),
    until: t.field({
      type: 'DateTime',
      required: true,
      description: 'When anomalies are told again: in the future, at most 366 days ahead.',
    }),
  }),
});
const DeleteAnomalyMuteInput = builder.inputType('DeleteAnomalyMuteInput', {
  fields: (t) => ({ id: t.id({ required: true, description: 'Id of the mute.' }) }),
});

builder.mutationFields((t) => ({
  createAnomalyMute: t.field({
    type: MuteRef,
    description:
      'Keeps `usage.anomaly` from being raised until a time: of a team, of an API key, or without either of all. An ' +
      'organization has at most 1,000 mutes. Requires the scope `budgets:write`.',
    args: { input: t.arg({ type: CreateAnomalyMuteInput, required: true }) },
    resolve: (_, { input }, context) => createAnomalyMute(context, input),
  }),
  deleteAnomalyMute: t.field({
    type: MuteRef,
    description: 'Ends a mute and returns it as it stood. Requires the scope `budgets:write`.',
    args: { input: t.arg({ type: DeleteAnomalyMuteInput, required: true }) },
    resolve: (_, { input }, context) => deleteAnomalyMute(context, input),
  }),
}));

const MuteConnection = builder.connectionObject({ type: MuteRef, name: 'AnomalyMuteConnection' });

builder.queryField('anomalyMutes', (t) =>
  t.field({
    type: MuteConnection,
    description: 'The anomaly mutes that have not ended, newest first. Requires the scope `budgets:write`.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(MUTE_CURSOR, await listAnomalyMutes(context, args), ({ id }) => id, args.after),
  }),
);
