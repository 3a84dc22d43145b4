import type { Database } from '../../../platform/postgres/database.ts';

/** The dimensions that rollups are kept by. */
export interface SeriesKey {
  organizationId: string;
  provider: string;
  model: string;
  serviceTier: string;
  teamId: string | null;
  apiKeyId: string;
}

/** Maps a combination of dimensions to its small number, making it on first sight. */
export interface SeriesCache {
  /** The number when this process knows it already. */
  peek(key: SeriesKey): number | undefined;
  get(key: SeriesKey): Promise<number>;
}

const MAX_CACHED_SERIES = 100_000;

// One statement of its own: a series without events is harmless, so it needs no part in the event's transaction.
const FIND_OR_CREATE = `
  WITH created AS (
    INSERT INTO usage_series (organization_id, provider, model, service_tier, team_id, api_key_id)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (organization_id, provider, model, service_tier, api_key_id, team_id) DO NOTHING
    RETURNING id)
  SELECT id FROM created
  UNION ALL
  SELECT id FROM usage_series
   WHERE organization_id = $1 AND provider = $2 AND model = $3 AND service_tier = $4
     AND team_id IS NOT DISTINCT FROM $5 AND api_key_id = $6
  LIMIT 1`;

function textOf(key: SeriesKey): string {
  return `${key.apiKeyId}${key.teamId ?? ''}\0${key.provider}\0${key.model}\0${key.serviceTier}`;
}

/** A process's memory of series. API key ids are unique over all organizations, so they stand for both in the key. */
export function createSeriesCache(database: Database): SeriesCache {
  const known = new Map<string, number>();
  const pending = new Map<string, Promise<number>>();

  async function load(text: string, key: SeriesKey): Promise<number> {
    const values = [key.organizationId, key.provider, key.model, key.serviceTier, key.teamId, key.apiKeyId];
    for (;;) {
      const { rows } = await database.retryingLostConnections(() =>
        database.pool.query<{ id: number }>(FIND_OR_CREATE, values),
      );
      // No row: another process created it after this statement's snapshot was taken. It is visible to the next one.
      const row = rows[0];
      if (!row) continue;
      if (known.size >= MAX_CACHED_SERIES) known.clear();
      known.set(text, row.id);
      return row.id;
    }
  }

  return {
    peek: (key) => known.get(textOf(key)),
    async get(key) {
      const text = textOf(key);
      const id = known.get(text);
      if (id !== undefined) return id;
      let loading = pending.get(text);
      if (!loading) {
        loading = load(text, key).finally(() => pending.delete(text));
        pending.set(text, loading);
      }
      return loading;
    },
  };
}
