import { SCOPE_PRESETS, SCOPES, type Scope } from './scopes.ts';

/** The roles of a team's members, from most to least. */
export const MEMBER_ROLES = ['owner', 'admin', 'member', 'viewer'] as const;
export type MemberRoleName = (typeof MEMBER_ROLES)[number];

const ALL_BUT_ADMIN = SCOPES.filter((scope) => scope !== 'admin');

/**
 * What the keys of a member may hold at most. This table is what the verbs ask, and what the
 * documents of both doors say.
 */
export const ROLE_SCOPES: Readonly<Record<MemberRoleName, readonly Scope[]>> = {
  owner: ALL_BUT_ADMIN,
  admin: ALL_BUT_ADMIN,
  member: ['usage:write', ...SCOPE_PRESETS.read],
  viewer: SCOPE_PRESETS.read,
};

/** Whether `role` is above `other`. */
export function isRoleAbove(role: MemberRoleName, other: MemberRoleName): boolean {
  return MEMBER_ROLES.indexOf(role) < MEMBER_ROLES.indexOf(other);
}

/** What each role may do, in a sentence for documents: made of the table. */
export function describeRole(role: MemberRoleName): string {
  const scopes = ROLE_SCOPES[role];
  const writes = scopes.filter((scope) => !scope.endsWith(':read'));
  const hasAllReads = SCOPE_PRESETS.read.every((scope) => scopes.includes(scope));
  const reads = hasAllReads ? ['every `:read` scope'] : scopes.filter((scope) => scope.endsWith(':read'));
  if (scopes === ALL_BUT_ADMIN) return 'every scope but `admin`';
  return [...writes.map((scope) => `\`${scope}\``), ...reads].join(' and ');
}
