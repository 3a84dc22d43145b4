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
