import { invalidField } from '../../../platform/errors.ts';
import { parseId } from '../../../platform/ids.ts';
import type { Context } from '../../context.ts';
import type { UsageFilter } from './usage-filter.ts';

interface Row {
  teamId: boolean;
  apiKeyId: boolean;
  memberId: boolean;
}

/**
 * A key that is bound to a team sees that team, the team's members and keys, and whatever other keys
 * have recorded for the team.
 */
const QUERY = `
  SELECT $2::uuid IS NULL OR EXISTS (
           SELECT FROM teams WHERE organization_id = $1 AND id = $2 AND ($5::uuid IS NULL OR id = $5)) AS "teamId",
         $3::uuid IS NULL OR EXISTS (
           SELECT FROM api_keys WHERE organization_id = $1 AND id = $3 AND ($5::uuid IS NULL OR team_id = $5))
         OR EXISTS (
           SELECT FROM usage_series WHERE organization_id = $1 AND api_key_id = $3 AND team_id = $5) AS "apiKeyId",
         $4::uuid IS NULL OR EXISTS (
           SELECT FROM members WHERE organization_id = $1 AND id = $4 AND ($5::uuid IS NULL OR team_id = $5)) AS "memberId"`;

const NOUNS = [
  ['teamId', 'team', 'team'],
  ['apiKeyId', 'apiKey', 'API key'],
  ['memberId', 'member', 'member'],
] as const;

/**
 * Requires that the ids in a filter are those of a team, a key and a member that the caller may see.
 * One that was deleted, revoked or removed is known still, because its usage stays.
 * @throws AppError invalid_request that names the field, the same for what does not exist
 */
export async function requireVisibleFilter(
  { caller, resources }: Context,
  filter: UsageFilter | null | undefined,
): Promise<void> {
  // What is no id at all is refused by whoever reads the filter.
  const uuids = NOUNS.map(([path, kind]) => parseId(kind, filter?.[path] ?? ''));
  if (uuids.every((uuid) => uuid === null)) return;
  const { rows } = await resources.database.pool.query<Row>({
    name: 'visible-filter',
    text: QUERY,
    values: [caller.organization.id, ...uuids, caller.teamId],
  });
  for (const [path, , noun] of NOUNS) {
    if (!rows[0]?.[path]) throw invalidField(path, `there is no such ${noun}`);
  }
}
