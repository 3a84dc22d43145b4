import { createBatchLoader } from '../../../platform/batch-loader.ts';
import { setBounded } from '../../../platform/bounded-map.ts';
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
  /** Remembers a number that was read elsewhere. */
  remember(key: SeriesKey, id: number): void;
}

const MAX_CACHED_SERIES = 100_000;

// A statement of its own: a series without events is harmless, so it need not be part of an event's
// transaction. New series are inserted in one order, so that two processes that make the same ones
// never wait for each other in a circle.
const FIND_OR_CREATE = `
  WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::uuid[]) WITH ORDINALITY
      AS w(organization_id, provider, model, service_tier, team_id, api_key_id, place)),
  found AS MATERIALIZED (
    SELECT w.place, s.id FROM wanted w
     CROSS JOIN LATERAL (
       SELECT s.id FROM usage_series s
        WHERE s.organization_id = w.organization_id AND s.provider = w.provider AND s.model = w.model
          AND s.service_tier = w.service_tier AND s.api_key_id = w.api_key_id
          AND s.team_id IS NOT DISTINCT FROM w.team_id OFFSET 0) s),
  created AS (
    INSERT INTO usage_series (organization_id, provider, model, service_tier, team_id, api_key_id)
    SELECT DISTINCT organization_id, provider, model, service_tier, team_id, api_key_id FROM wanted
     WHERE place NOT IN (SELECT place FROM found)
     ORDER BY organization_id, provider, model, service_tier, team_id, api_key_id
    ON CONFLICT (organization_id, provider, model, service_tier, api_key_id, team_id) DO NOTHING
    RETURNING *)
  SELECT place::int, id FROM found
  UNION ALL
  SELECT w.place::int, c.id FROM wanted w JOIN created c
      ON c.organization_id = w.organization_id AND c.provider = w.provider AND c.model = w.model
     AND c.service_tier = w.service_tier AND c.api_key_id = w.api_key_id AND c.team_id IS NOT DISTINCT FROM w.team_id`;

function textOf(key: SeriesKey): string {
  return `${key.apiKeyId}${key.teamId ?? ''}\0${key.provider}\0${key.model}\0${key.serviceTier}`;
}

/**
 * A process's memory of series. API key ids are unique over all organizations, so they stand for
 * both in the key.
 */
export function createSeriesCache(database: Database): SeriesCache {
  const known = new Map<string, number>();
  const pending = new Map<string, Promise<number>>();

  async function loadAll(keys: readonly SeriesKey[]): Promise<number[]> {
    const ids = new Map<SeriesKey, number>();
    for (let left = keys; left.length > 0; left = keys.filter((key) => !ids.has(key))) {
      const asked = left;
      const values = [
        asked.map((key) => key.organizationId),
        asked.map((key) => key.provider),
        asked.map((key) => key.model),
        asked.map((key) => key.serviceTier),
        asked.map((key) => key.teamId),
        asked.map((key) => key.apiKeyId),
      ];
      const { rows } = await database.retryingLostConnections(() =>
        database.pool.query<{ place: number; id: number }>({ name: 'find-series', text: FIND_OR_CREATE, values }),
      );
      // What is missing was made by another process after this statement's snapshot was taken. The
      // next statement sees it.
      for (const { place, id } of rows) {
        const key = asked[place - 1];
        if (key) ids.set(key, id);
      }
    }
    return keys.map((key) => ids.get(key) ?? 0);
  }

  const stored = createBatchLoader(loadAll);

  async function load(text: string, key: SeriesKey): Promise<number> {
    const id = await stored.load(key);
    setBounded(known, text, id, MAX_CACHED_SERIES);
    return id;
  }

  return {
    peek: (key) => known.get(textOf(key)),
    remember: (key, id) => setBounded(known, textOf(key), id, MAX_CACHED_SERIES),
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
