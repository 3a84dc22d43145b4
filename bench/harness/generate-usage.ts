import type pg from 'pg';
import { newUuid } from '../../src/platform/ids.ts';

const DAY_MS = 86_400_000;
const DAYS = 31;
const CHUNK = 1_000_000;
const TEAMS = 5;
const KEYS = 3;
const SMALL_TENANTS = 50;
const USERS = 200;
/** Of the newest events, which are left to the fold itself. */
const UNFOLDED = 200_000;
/** Prices with eighteen places: a sum that rounds anywhere shows in its last digit. */
const MODELS = [
  { provider: 'openai', model: 'gpt-4o', input: '0.000002500000000001', output: '0.000010000000000003' },
  { provider: 'openai', model: 'gpt-4o-mini', input: '0.000000150000000007', output: '0.000000600000000011' },
  { provider: 'anthropic', model: 'claude-sonnet-4-5', input: '0.000003000000000013', output: '0.000015000000000017' },
  { provider: 'anthropic', model: 'claude-haiku-4-5', input: '0.000001000000000019', output: '0.000005000000000023' },
  { provider: 'google', model: 'gemini-2.5-flash', input: '0.000000300000000029', output: '0.000002500000000031' },
  { provider: 'google', model: 'gemini-2.5-pro', input: '0.000001250000000037', output: '0.000010000000000041' },
] as const;

const SERIES = `
  INSERT INTO usage_series (organization_id, provider, model, service_tier, team_id, api_key_id)
  SELECT o.id, m.provider, m.model, 'standard', t.id, k.id
    FROM unnest($1::uuid[]) WITH ORDINALITY o(id, place)
    CROSS JOIN unnest($2::text[], $3::text[]) WITH ORDINALITY m(provider, model, place)
    CROSS JOIN unnest($4::uuid[]) WITH ORDINALITY t(id, place) CROSS JOIN unnest($5::uuid[]) WITH ORDINALITY k(id, place)
   ORDER BY o.place, m.place, t.place, k.place RETURNING id`;

// Half of the events are the first tenant's. Its users each have a team, and a key for each
// environment.
const EVENTS = `
  INSERT INTO usage_events (
    organization_id, id, event_id, body_hash, time, recorded_at, series_id, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
    output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, user_id, tags)
  SELECT ($6::uuid[])[tenant + 1],
         (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(h & 4095), 3, '0') || '8' || lpad(to_hex(n), 15, '0'))::uuid,
         'event-' || n, decode(md5(n::text), 'hex'), time, time,
         ($7::int[])[CASE tenant WHEN 0 THEN 1 + model * ${TEAMS * KEYS} + person % ${TEAMS} * ${KEYS} + key
                     ELSE 1 + ${MODELS.length * TEAMS * KEYS} + (tenant - 1) * ${MODELS.length} + model END],
         input, output, CASE h >> 50 & 1 WHEN 0 THEN 0 ELSE input / 2 END, 0, 0, 0, 0, 0, 0, cost, cost, 'catalog',
         ($8::uuid[])[model + 1], 'user-' || CASE tenant WHEN 0 THEN person ELSE person % 5 END, ($9::jsonb[])[key + 1]
    FROM generate_series($1::bigint, $2::bigint) n
    CROSS JOIN LATERAL (
      SELECT hashint8extended(n, 0) & 9223372036854775807 AS h, $3::bigint + n * $4::bigint / $5::bigint AS ms OFFSET 0) a
    CROSS JOIN LATERAL (
      SELECT (CASE h & 1 WHEN 0 THEN 0 ELSE 1 + (h >> 1) % ${SMALL_TENANTS} END)::int AS tenant,
             ((h >> 8) % ${MODELS.length})::int AS model, ((h >> 16) % ${USERS})::int AS person,
             ((h >> 32) % ${KEYS})::int AS key, 200 + (h >> 20) % 9000 AS input, 20 + (h >> 40) % 1500 AS output,
             to_timestamp(ms / 1000.0) AS time OFFSET 0) b
    CROSS JOIN LATERAL (
      SELECT input * ($10::numeric[])[model + 1] + output * ($11::numeric[])[model + 1] AS cost OFFSET 0) c`;

const SUMS = `sum(requests), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
  sum(reasoning_tokens), coalesce(sum(cost), 0)`;
const QUARTER_HOURS = `
  INSERT INTO usage_quarter_hours
  SELECT organization_id, date_bin('15 minutes', time, '2000-01-01Z'), series_id, ${SUMS},
         coalesce(sum(requests) FILTER (WHERE cost IS NULL), 0)
    FROM usage_events GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;
const DAY_SUMS = `
  INSERT INTO usage_days
  SELECT organization_id, date_trunc('day', bucket, 'UTC'), series_id, ${SUMS}, sum(unpriced_requests)
    FROM usage_quarter_hours GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;
// What the fold would have made of all but the newest events, at once.
const ATTRIBUTIONS = `
  INSERT INTO usage_attributions (organization_id, hash, user_id, tags)
  SELECT organization_id, sha256(convert_to(jsonb_build_array(user_id, tags)::text, 'UTF8')), user_id, tags
    FROM usage_events WHERE position <= $1 GROUP BY organization_id, user_id, tags`;
const ATTRIBUTION_DAYS = `
  INSERT INTO usage_attribution_days
  SELECT e.organization_id, bucket, series_id, a.id, requests, input_tokens, output_tokens, cache_read_tokens,
         cache_write_tokens, reasoning_tokens, cost, unpriced_requests
    FROM (SELECT organization_id, date_trunc('day', time, 'UTC'), series_id, user_id, tags, ${SUMS},
                 coalesce(sum(requests) FILTER (WHERE cost IS NULL), 0)
            FROM usage_events WHERE position <= $1 GROUP BY 1, 2, 3, 4, 5)
      AS e (organization_id, bucket, series_id, user_id, tags, requests, input_tokens, output_tokens, cache_read_tokens,
            cache_write_tokens, reasoning_tokens, cost, unpriced_requests)
    JOIN usage_attributions a USING (organization_id, user_id, tags) ORDER BY 1, 2, 3, 4`;

const INDEXES = `
  SELECT i.indexname AS name, coalesce('ALTER TABLE usage_events ADD CONSTRAINT ' || c.conname || ' ' ||
         pg_get_constraintdef(c.oid), i.indexdef) AS make,
         coalesce('ALTER TABLE usage_events DROP CONSTRAINT ' || c.conname, 'DROP INDEX ' || i.indexname) AS remove
    FROM pg_indexes i LEFT JOIN pg_constraint c ON c.conname = i.indexname
   WHERE i.tablename = 'usage_events' ORDER BY 1`;

export interface GeneratedUsage {
  /** Begins a UTC day; the events cover 31 days from then. */
  startMs: number;
  events: number;
  /** The newest of them are in no sum by user and tags yet. */
  unfolded: number;
}

/** The indexes of the ledger, with the statements that make and remove each. */
export async function readIndexes(sql: pg.Client): Promise<{ name: string; make: string; remove: string }[]> {
  return (await sql.query(INDEXES)).rows;
}

/**
 * Fills a migrated database with the usage of one big tenant, which has half of it, and of 50 small
 * ones, in the order of time: 6 models of 3 providers, 5 teams, 3 keys, 200 users. Sums are added
 * up from the events as `record_usage` does it; indexes are made anew at the end, by their own
 * definitions.
 */
export async function generateUsage(sql: pg.Client, organizationId: string, events: number): Promise<GeneratedUsage> {
  const startMs = Math.floor(Date.now() / DAY_MS - DAYS) * DAY_MS;
  await sql.query(`SET synchronous_commit = off; SET work_mem = '512MB'; SET maintenance_work_mem = '512MB'`);
  const small = Array.from({ length: SMALL_TENANTS }, () => newUuid());
  await sql.query(`INSERT INTO organizations (id, name) SELECT unnest($1::uuid[]), 'small'`, [small]);
  const models = [MODELS.map(({ provider }) => provider), MODELS.map(({ model }) => model)];
  const uuids = (length: number) => Array.from({ length }, () => newUuid());
  const big = await sql.query(SERIES, [[organizationId], ...models, uuids(TEAMS), uuids(KEYS)]);
  const others = await sql.query(SERIES, [small, ...models, [null], uuids(1)]);
  const constants = [
    [organizationId, ...small],
    [...big.rows, ...others.rows].map(({ id }) => id),
    uuids(MODELS.length),
    ['prod', 'staging', 'dev'].map((env) => JSON.stringify({ env, feature: 'chat' })),
    MODELS.map(({ input }) => input),
    MODELS.map(({ output }) => output),
  ];
  const indexes = await readIndexes(sql);
  for (const { remove } of indexes) await sql.query(remove);
  for (let first = 0; first < events; first += CHUNK) {
    const last = Math.min(first + CHUNK, events) - 1;
    await sql.query(EVENTS, [first, last, startMs, DAYS * DAY_MS, events, ...constants]);
  }
  for (const { make } of indexes) await sql.query(make);
  if (JSON.stringify(await readIndexes(sql)) !== JSON.stringify(indexes)) throw new Error('an index is not as it was');
  await sql.query(QUARTER_HOURS);
  await sql.query(DAY_SUMS);
  const last = await sql.query<{ position: string }>('SELECT max(position)::text AS position FROM usage_events');
  const folded = Number(last.rows[0]?.position) - UNFOLDED;
  await sql.query(ATTRIBUTIONS, [folded]);
  await sql.query(ATTRIBUTION_DAYS, [folded]);
  await sql.query('UPDATE usage_fold SET position = $1', [folded]);
  return { startMs, events, unfolded: UNFOLDED };
}
