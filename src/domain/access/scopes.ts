/** Everything a key may be allowed; `admin` holds all. */
export const SCOPES = [
  'usage:write',
  'usage:read',
  'costs:read',
  'budgets:read',
  'budgets:write',
  'teams:read',
  'teams:write',
  'providers:read',
  'providers:write',
  'webhooks:read',
  'webhooks:write',
  'keys:write',
  'credits:read',
  'credits:write',
  'prices:read',
  'prices:write',
  'events:read',
  'admin',
] as const;

export type Scope = (typeof SCOPES)[number];

/** Named sets of scopes that a key can be made with. */
export const SCOPE_PRESETS: Readonly<Record<'ingest' | 'read', readonly Scope[]>> = {
  ingest: ['usage:write'],
  read: SCOPES.filter((scope) => scope.endsWith(':read')),
};

/** Whether a text is a scope. */
export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}
