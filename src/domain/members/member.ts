import type { Prisma } from '../../../prisma/generated/client/client.ts';
import { AppError } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { MemberRoleName } from '../access/roles.ts';
import type { Context } from '../context.ts';

/** One address in one team. Ids are UUIDs. */
export interface Member {
  id: string;
  teamId: string;
  /** In lower case. */
  email: string;
  name: string;
  role: MemberRoleName;
  createdAt: Date;
  /** When a key of the member was last used; null: never. */
  lastUsedAt: Date | null;
}

/** The tenant wall of members: those of the caller's organization, or of its key's one team. */
export function whereMembers(caller: Caller) {
  const where = { organizationId: caller.organization.id, removedAt: null };
  return (caller.teamId === null ? where : { ...where, teamId: caller.teamId }) satisfies Prisma.MemberWhereInput;
}

/** What {@link readMember} needs of a member's row. */
export const MEMBER_FIELDS = {
  id: true,
  teamId: true,
  email: true,
  name: true,
  role: true,
  ownKeyId: true,
  createdAt: true,
  apiKeys: { select: { lastUsedAt: true }, orderBy: { lastUsedAt: { sort: 'desc', nulls: 'last' } }, take: 1 },
} as const satisfies Prisma.MemberSelect;

export type MemberRow = Prisma.MemberGetPayload<{ select: typeof MEMBER_FIELDS }>;

export function readMember({ apiKeys, ownKeyId: _, ...member }: MemberRow): Member {
  return { ...member, lastUsedAt: apiKeys[0]?.lastUsedAt ?? null };
}

/** Which member is meant. Ids are TypeIDs. */
export interface MemberPlace {
  id: string;
  /** Given: the member must be of this team. */
  teamId?: string | null;
}

async function findRow(models: Models, caller: Caller, { id, teamId }: MemberPlace): Promise<MemberRow | null> {
  const uuid = parseId('member', id);
  const team = teamId === undefined || teamId === null ? undefined : parseId('team', teamId);
  if (uuid === null || team === null) return null;
  const where = { AND: whereMembers(caller), id: uuid, ...(team === undefined ? {} : { teamId: team }) };
  return models.member.findFirst({ where, select: MEMBER_FIELDS });
}

/**
 * A member that was not removed, and that the caller may see. Asks no scope: the verbs do.
 * @throws AppError not_found, the same for one that is missing, removed or another's
 */
async function getRow(models: Models, caller: Caller, place: MemberPlace): Promise<MemberRow> {
  const row = await findRow(models, caller, place);
  if (!row) throw new AppError('not_found', 'There is no member with this id.');
  return row;
}

/**
 * The same, with the member's team locked until the transaction ends: of the owners of a team, only
 * one transaction at a time removes or demotes one.
 * @throws AppError not_found
 */
export async function lockMember(models: Models, caller: Caller, place: MemberPlace): Promise<MemberRow> {
  const { teamId } = await getRow(models, caller, place);
  await models.$executeRaw`
    SELECT FROM teams WHERE organization_id = ${caller.organization.id}::uuid AND id = ${teamId}::uuid FOR UPDATE`;
  return getRow(models, caller, place);
}

/** A member by its TypeID. @throws AppError not_found, insufficient_permissions */
export async function getMember({ caller, resources }: Context, id: string): Promise<Member> {
  requireScope(caller, 'teams:read');
  return readMember(await getRow(resources.database.prisma, caller, { id }));
}

/**
 * Refuses to take the last owner from a team. The caller holds the team's lock.
 * @throws AppError conflict
 */
export async function requireAnotherOwner(models: Models, caller: Caller, member: MemberRow): Promise<void> {
  const { id, teamId } = member;
  const where = {
    organizationId: caller.organization.id,
    teamId,
    removedAt: null,
    role: 'owner',
    id: { not: id },
  } as const;
  if (await models.member.findFirst({ where, select: { id: true } })) return;
  throw new AppError('conflict', 'This member is the only owner of the team. Make another member its owner first.');
}
