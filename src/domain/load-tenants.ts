import { timingSafeEqual } from 'node:crypto';
import { setBounded } from '../platform/bounded-map.ts';
import type { Database } from '../platform/postgres/database.ts';
import type { LoadApiKeys } from './access/api-key-cache.ts';
import { API_KEY_COLUMNS, type ApiKeyRow, KEYS_BY_SECRET, readApiKey } from './access/stored-api-key.ts';
import type { TenantChanges } from './access/tenant-changes.ts';
import { BUDGET_JSON, BUDGETS } from './budgets/budget-columns.ts';
import type { BudgetDirectory } from './budgets/budget-directory.ts';
import type { TeamDirectory } from './teams/team-directory.ts';
import type { SeriesCache } from './usage/prepare/series-cache.ts';

/** So many teams, and series of the key, come with a key. Others are asked for when needed. */
const MAX_LOADED = 1_000;
/** Organizations that were loaded last. What is known of them is not loaded for each of their keys. */
const MAX_LOADED_LATELY = 64;

interface SeriesJson {
  id: number;
  provider: string;
  model: string;
  service_tier: string;
  team_id: string | null;
}

interface Row extends ApiKeyRow {
  budget_version: number;
  series: SeriesJson[];
  /** Null, and the teams too: the organization was loaded lately. */
  budgets: object[] | null;
  teams: string[] | null;
}

const QUERY = `
  SELECT ${API_KEY_COLUMNS}, o.budget_version,
         (SELECT coalesce(jsonb_agg(s), '[]')
            FROM (SELECT id, provider, model, service_tier, team_id FROM usage_series
                   WHERE organization_id = o.id AND api_key_id = k.id LIMIT ${MAX_LOADED}) s) AS series,
         CASE WHEN o.id <> ALL($2::uuid[]) THEN (
           SELECT coalesce(jsonb_agg(${BUDGET_JSON}), '[]')
             FROM budgets b WHERE b.organization_id = o.id AND b.ended_at IS NULL AND b.deleted_at IS NULL) END AS budgets,
         CASE WHEN o.id <> ALL($2::uuid[]) THEN ARRAY(
           SELECT id FROM teams
            WHERE organization_id = o.id AND deleted_at IS NULL LIMIT ${MAX_LOADED}) END AS teams
    FROM ${KEYS_BY_SECRET}
    JOIN organizations o ON o.id = k.organization_id LEFT JOIN members m ON m.id = k.member_id`;

interface TenantLoaderOptions {
  database: Database;
  changes: TenantChanges;
  teams: TeamDirectory;
  budgets: BudgetDirectory;
  series: SeriesCache;
}

/**
 * Loads keys with all that a first request needs to know of their tenants: one statement for the
 * keys of all requests that arrived together.
 */
export function createTenantLoader({ database, changes, teams, budgets, series }: TenantLoaderOptions): LoadApiKeys {
  /** The moment of the read, by organization. */
  const loadedLately = new Map<string, number>();

  function remember(row: Row, moment: number): void {
    const { organization_id: organizationId, id: apiKeyId } = row;
    for (const { id, provider, model, service_tier: serviceTier, team_id: teamId } of row.series) {
      series.remember({ organizationId, provider, model, serviceTier, teamId, apiKeyId }, id);
    }
    if (row.teams === null || row.budgets === null) return;
    teams.remember(organizationId, row.teams, moment);
    budgets.remember(organizationId, row.budget_version, row.budgets.map(BUDGETS.read), moment);
    setBounded(loadedLately, organizationId, moment, MAX_LOADED_LATELY);
  }

  return async (hashes) => {
    const moment = changes.moment();
    const known = [...loadedLately].filter(([id, readAt]) => changes.isCurrent(id, readAt) && budgets.isCurrent(id));
    const values = [hashes.map((hash) => Buffer.from(hash)), known.map(([id]) => id)];
    const { rows } = await database.retryingLostConnections(() =>
      database.pool.query<Row>({ name: 'load-tenants', text: QUERY, values }),
    );
    for (const row of rows) remember(row, moment);
    const byHash = new Map(rows.map((row) => [row.found_hash.toString('latin1'), row]));
    return hashes.map((hash) => {
      const row = byHash.get(Buffer.from(hash).toString('latin1'));
      // The index has found it; the last word is a comparison in constant time.
      return row?.found_hash.length === hash.length && timingSafeEqual(row.found_hash, hash) ? readApiKey(row) : null;
    });
  };
}
