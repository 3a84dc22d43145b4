import { describeRole, MEMBER_ROLES, type MemberRoleName } from '../../domain/access/roles.ts';
import { listMembers, MEMBER_CURSOR } from '../../domain/members/list-members.ts';
import { getMember, type Member } from '../../domain/members/member.ts';
import { removeMember } from '../../domain/members/remove-member.ts';
import { updateMember } from '../../domain/members/update-member.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';
import { TeamRef } from './teams.ts';

const MEMBER_ID = 'Id of the member.';
const MEMBER_TEAM = 'Id of the team that the member must be of; default: whichever it is.';
const NAME = '1 to 100 characters.';

export const MemberRoleEnum = builder.enumType('MemberRole', {
  description: "What a member of a team may do at most; the keys of the member hold no scope beyond the role's.",
  values: Object.fromEntries(
    MEMBER_ROLES.map((role) => [role.toUpperCase(), { value: role, description: `Holds ${describeRole(role)}.` }]),
  ) as Record<string, { value: MemberRoleName }>,
});

/** The enum as REST says it, whose documents show no description of a value. */
export const ROLES_DESCRIPTION = `${MEMBER_ROLES.map(
  (role) => `\`${role.toUpperCase()}\` holds ${describeRole(role)}`,
).join('; ')}. Only an owner's key, or one that belongs to no member, makes and removes owners.`;

export const MemberRef = builder.objectRef<Member>('Member');

builder.node(MemberRef, {
  description: 'One address in one team. The keys of a member are bound to the team.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getMember(context, formatId('member', uuid)),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'email' in value && 'lastUsedAt' in value,
  fields: (t) => ({
    teamId: t.id({ resolve: ({ teamId }) => formatId('team', teamId) }),
    email: t.exposeString('email', { description: 'In lower case.' }),
    name: t.exposeString('name'),
    role: t.expose('role', { type: MemberRoleEnum, description: ROLES_DESCRIPTION }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a key of the member was last used; null: never.',
    }),
  }),
});

const UpdateMemberInput = builder.inputType('UpdateMemberInput', {
  description: 'Fields that are left out stay as they are.',
  fields: (t) => ({
    id: t.id({ required: true, description: MEMBER_ID }),
    teamId: t.id({ description: MEMBER_TEAM }),
    role: t.field({ type: MemberRoleEnum, description: ROLES_DESCRIPTION }),
    name: t.string({ description: NAME }),
  }),
});
const RemoveMemberInput = builder.inputType('RemoveMemberInput', {
  fields: (t) => ({
    id: t.id({ required: true, description: MEMBER_ID }),
    teamId: t.id({ description: MEMBER_TEAM }),
  }),
});

builder.mutationFields((t) => ({
  updateMember: t.field({
    type: MemberRef,
    description:
      'Changes the role or the name of a member. The keys of the member lose what a lower role may not, for good; the ' +
      'key that accepting the invite made always holds what the role may. A team that has an owner keeps one. ' +
      'Requires the scope `teams:write`.',
    args: { input: t.arg({ type: UpdateMemberInput, required: true }) },
    resolve: (_, { input }, context) => updateMember(context, input),
  }),
  removeMember: t.field({
    type: MemberRef,
    description:
      'Removes a member from its team and revokes its keys. Its usage stays. A team that has an owner keeps one. ' +
      'Requires the scope `teams:write`.',
    args: { input: t.arg({ type: RemoveMemberInput, required: true }) },
    resolve: (_, { input }, context) => removeMember(context, input),
  }),
}));

const MemberConnection = builder.connectionObject({ type: MemberRef, name: 'MemberConnection' });
const MEMBERS = 'The members of the team, newest first. Requires the scope `teams:read`.';

builder.queryField('members', (t) =>
  t.field({
    type: MemberConnection,
    description: MEMBERS,
    args: {
      teamId: t.arg.id({ required: true, description: 'Id of the team.' }),
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(MEMBER_CURSOR, await listMembers(context, args), ({ id }) => id, args.after),
  }),
);

builder.objectField(TeamRef, 'members', (t) =>
  t.field({
    type: MemberConnection,
    nullable: true,
    description: `${MEMBERS} Null for a team that was deleted.`,
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    async resolve({ id, deletedAt }, args, context) {
      if (deletedAt !== null) return null;
      const page = await listMembers(context, { ...args, teamId: formatId('team', id) });
      return toConnection(MEMBER_CURSOR, page, (member) => member.id, args.after);
    },
  }),
);
