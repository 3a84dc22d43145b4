import type pg from 'pg';
import { contentUuid } from '../../src/platform/ids.ts';
import { readIndexes } from '../harness/generate-usage.ts';
import { DAY_MS, DAYS, ENVS, FEATURES, MODELS, type Shape, SMALL_MODELS, SMALL_USERS } from './shape.ts';

const CHUNK = 500_000;

const ORGANIZATIONS = `
  INSERT INTO organizations (id, name, plan) SELECT id, 'tenant', 'enterprise' FROM unnest($1::uuid[]) AS o(id)`;
const TEAMS = `
  INSERT INTO teams (id, organization_id, name) SELECT id, $2, 'team ' || place FROM unnest($1::uuid[]) WITH ORDINALITY AS t(id, place)`;
const KEYS = `
  INSERT INTO api_keys (id, organization_id, team_id, name, secret_hash, hint, scopes)
  SELECT id, organization_id, NULL, 'Owner', secret_hash, hint, '{admin}'
    FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::text[]) AS k(id, organization_id, secret_hash, hint)`;
// In the order in which EVENTS counts them: the model turns fastest.
const SERIES = `
  INSERT INTO usage_series (organization_id, provider, model, service_tier, team_id, api_key_id)
  SELECT k.organization_id, m.provider, m.model, 'standard', k.team_id, k.id
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[]) WITH ORDINALITY k(id, organization_id, team_id, models, place)
   CROSS JOIN unnest($5::text[], $6::text[]) WITH ORDINALITY m(provider, model, place)
   WHERE m.place <= k.models ORDER BY k.place, m.place RETURNING id`;

// Every other event is the large tenant's. Each of its users comes at least once; beyond that, few
// users make most of the events. A user has a key, a team, an environment and a feature.
const EVENTS = `
  INSERT INTO usage_events (
    organization_id, id, event_id, body_hash, time, recorded_at, series_id, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
    output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, user_id, tags)
  SELECT ($6::uuid[])[tenant + 1],
         (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(h & 4095), 3, '0') || '8' || lpad(to_hex(n), 15, '0'))::uuid,
         'event-' || n, decode(md5(n::text), 'hex'), time, time, ($7::int[])[series + 1],
         input, output, CASE h >> 50 & 1 WHEN 0 THEN 0 ELSE input / 2 END, 0, 0, 0, 0, 0, 0, cost, cost, 'catalog',
         ($8::uuid[])[model + 1], 'user-' || person,
         ($9::jsonb[])[1 + (person + tenant) / 7 % ${ENVS.length} * ${FEATURES} + (person + tenant) % ${FEATURES}]
    FROM generate_series($1::bigint, $2::bigint) n
    CROSS JOIN LATERAL (
      SELECT hashint8extended(n, 0) & 9223372036854775807 AS h, $3::bigint + n * $4::bigint / $5::bigint AS ms OFFSET 0) a
    CROSS JOIN LATERAL (
      SELECT (CASE n & 1 WHEN 0 THEN 0 ELSE 1 + n / 2 % (cardinality($6::uuid[]) - 1) END)::int AS tenant,
             (CASE WHEN n & 1 = 1 THEN (h >> 8) % ${SMALL_USERS}
                   WHEN n / 2 % 10 = 0 THEN n / 20 % $12::int
                   ELSE floor($12::int * power((h >> 8 & 1048575) / 1048576.0::float8, 3)) END)::int AS person,
             (CASE n & 1 WHEN 0 THEN (h >> 30) % ${MODELS.length} ELSE (h >> 30) % ${SMALL_MODELS} END)::int AS model,
             200 + (h >> 20) % 9000 AS input, 20 + (h >> 40) % 1500 AS output,
             to_timestamp(ms / 1000.0) AS time OFFSET 0) b
    CROSS JOIN LATERAL (
      SELECT CASE tenant WHEN 0 THEN person % $13::int * ${MODELS.length} + model
             ELSE $13::int * ${MODELS.length} + (tenant - 1) * ${SMALL_MODELS} + model END AS series,
             input * ($10::numeric[])[model + 1] + output * ($11::numeric[])[model + 1] AS cost OFFSET 0) c`;

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

async function insertTenants(sql: pg.Client, { tenants }: Shape): Promise<number[]> {
  const large = tenants[0];
  if (!large) throw new Error('a shape without a tenant');
  const keys = tenants.flatMap((tenant) => tenant.keys.map((key) => ({ ...key, tenant })));
  const ids = keys.map(({ id }) => id);
  const owners = keys.map(({ tenant }) => tenant.id);
  await sql.query(ORGANIZATIONS, [tenants.map(({ id }) => id)]);
  await sql.query(TEAMS, [large.teams, large.id]);
  await sql.query(KEYS, [ids, owners, keys.map(({ hash }) => hash), keys.map(({ hint }) => hint)]);
  const models = [MODELS.map(({ provider }) => provider), MODELS.map(({ model }) => model)];
  const counts = keys.map(({ tenant }) => (tenant === large ? MODELS.length : SMALL_MODELS));
  const series = await sql.query<{ id: number }>(SERIES, [
    ids,
    owners,
    keys.map(({ teamId }) => teamId),
    counts,
    ...models,
  ]);
  return series.rows.map(({ id }) => id);
}

/**
 * Fills a migrated database with the shape's usage, unfolded, in the order of time. Sums are added
 * up from the events as `record_usage` does it; indexes of the ledger are made anew at the end, by
 * their own definitions. No table is analyzed.
 */
export async function generateTenants(sql: pg.Client, shape: Shape): Promise<void> {
  await sql.query(`SET synchronous_commit = off; SET work_mem = '512MB'; SET maintenance_work_mem = '512MB'`);
  const { tenants, users, events, endMs } = shape;
  const startMs = endMs - DAYS * DAY_MS;
  const constants = [
    tenants.map(({ id }) => id),
    await insertTenants(sql, shape),
    MODELS.map(({ model }) => contentUuid(startMs, `price of ${model}`)),
    ENVS.flatMap((env) => Array.from({ length: FEATURES }, (_, i) => JSON.stringify({ env, feature: `feature-${i}` }))),
    MODELS.map(({ input }) => input),
    MODELS.map(({ output }) => output),
    users,
    tenants[0]?.keys.length,
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
}
