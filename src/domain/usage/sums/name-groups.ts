import { parseId } from '../../../platform/ids.ts';
import type { Context } from '../../context.ts';
import type { Dimension, DimensionName } from './usage-dimension.ts';

const NAMED: ReadonlyMap<DimensionName, { kind: 'team' | 'apiKey' | 'member'; table: string }> = new Map([
  ['team', { kind: 'team', table: 'teams' }],
  ['api_key', { kind: 'apiKey', table: 'api_keys' }],
  ['member', { kind: 'member', table: 'members' }],
] as const);

/** The names of what groups are about, by TypeID: of teams, keys and members, deleted ones too. */
export type GroupNames = ReadonlyMap<string, string>;

/**
 * Reads the names of the teams, API keys and members that groups are about: one statement for each
 * such dimension.
 */
export async function findGroupNames(
  { caller, resources }: Context,
  dimensions: readonly Dimension[],
  groups: readonly { values: readonly (string | null)[] }[],
): Promise<GroupNames> {
  const names = new Map<string, string>();
  for (const [i, { name: dimension }] of dimensions.entries()) {
    const named = NAMED.get(dimension);
    if (!named) continue;
    const ids = new Map<string, string>();
    for (const { values } of groups) {
      const id = values[i] ?? null;
      const uuid = id === null ? null : parseId(named.kind, id);
      if (id !== null && uuid !== null) ids.set(uuid, id);
    }
    if (ids.size === 0) continue;
    const { rows } = await resources.database.pool.query<{ id: string; name: string }>({
      name: `names-of-${named.table}`,
      text: `SELECT id, name FROM ${named.table} WHERE organization_id = $1 AND id = ANY($2::uuid[])`,
      values: [caller.organization.id, [...ids.keys()]],
    });
    for (const { id, name } of rows) names.set(ids.get(id) ?? id, name);
  }
  return names;
}
