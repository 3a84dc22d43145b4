import { requireScope } from '../../domain/access/require-scope.ts';
import { createTeam } from '../../domain/teams/create-team.ts';
import { deleteTeam } from '../../domain/teams/delete-team.ts';
import { getTeam } from '../../domain/teams/get-team.ts';
import { listTeams, TEAM_CURSOR } from '../../domain/teams/list-teams.ts';
import { whereTeams } from '../../domain/teams/team.ts';
import { updateTeam } from '../../domain/teams/update-team.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';

const TEAM_ID = 'Id of the team.';
const NAME = '1 to 100 characters, unique among the teams of the organization.';

export const TeamRef = builder.prismaNode('Team', {
  description: 'A part of an organization whose usage, budgets and keys can be separate.',
  id: { field: 'id' },
  nullable: true,
  findUnique(id, { caller }) {
    requireScope(caller, 'teams:read');
    return { AND: whereTeams(caller), id };
  },
  fields: (t) => ({
    name: t.exposeString('name'),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime' }),
    deletedAt: t.expose('deletedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the team was deleted; null while it exists.',
    }),
  }),
});

const CreateTeamInput = builder.inputType('CreateTeamInput', {
  fields: (t) => ({
    name: t.string({ required: true, description: NAME }),
  }),
});
const UpdateTeamInput = builder.inputType('UpdateTeamInput', {
  fields: (t) => ({
    id: t.id({ required: true, description: TEAM_ID }),
    name: t.string({ description: `${NAME} Without it, the team keeps its name.` }),
  }),
});
const DeleteTeamInput = builder.inputType('DeleteTeamInput', {
  fields: (t) => ({ id: t.id({ required: true, description: TEAM_ID }) }),
});

builder.mutationFields((t) => ({
  createTeam: t.field({
    type: TeamRef,
    description: 'Creates a team. Requires the scope `teams:write`.',
    args: { input: t.arg({ type: CreateTeamInput, required: true }) },
    resolve: (_, { input }, context) => createTeam(context, input),
  }),
  updateTeam: t.field({
    type: TeamRef,
    description: 'Changes a team. Requires the scope `teams:write`.',
    args: { input: t.arg({ type: UpdateTeamInput, required: true }) },
    resolve: (_, { input }, context) => updateTeam(context, input),
  }),
  deleteTeam: t.field({
    type: TeamRef,
    description:
      'Deletes a team and revokes the API keys that are bound to it. Its usage stays in the ledger. Requires the scope ' +
      '`teams:write`.',
    args: { input: t.arg({ type: DeleteTeamInput, required: true }) },
    resolve: (_, { input }, context) => deleteTeam(context, input),
  }),
}));

const TeamConnection = builder.connectionObject({ type: TeamRef, name: 'TeamConnection' });

builder.queryFields((t) => ({
  team: t.field({
    type: TeamRef,
    description: 'One team. Requires the scope `teams:read`.',
    args: { id: t.arg.id({ required: true, description: TEAM_ID }) },
    resolve: (_, { id }, context) => getTeam(context, id),
  }),
  teams: t.field({
    type: TeamConnection,
    description: 'The teams, newest first. Requires the scope `teams:read`.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(TEAM_CURSOR, await listTeams(context, args), (team) => team.id, args.after),
  }),
}));
