import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useTestApp } from '../../harness/app.ts';
import { EVENT } from '../../harness/make.ts';

const MODELS = 11;
const HOURS = 10_000;

const meterr = useTestApp({ env: { METERR_READ_TIMEOUT_SECONDS: '1' } });
const patient = useTestApp({ env: { METERR_READ_TIMEOUT_SECONDS: '60' } });
let other: pg.PoolClient;

beforeAll(async () => {
  await meterr().ok('POST', '/v1/usage', { body: EVENT });
  other = await meterr().sql.connect();
});
afterAll(() => other.release());

it('a read that takes longer than METERR_READ_TIMEOUT_SECONDS is ended with 503, which says what to narrow', async () => {
  await other.query('BEGIN; LOCK TABLE usage_days, usage_quarter_hours, usage_events IN ACCESS EXCLUSIVE MODE');
  try {
    for (const path of ['/v1/usage', '/v1/usage/history']) {
      const { status, error } = await meterr().rest('GET', path);
      expect(status).toBe(503);
      expect(error).toMatchObject({ code: 'unavailable', message: expect.stringContaining('a shorter range') });
    }
  } finally {
    await other.query('ROLLBACK');
  }
  expect(await meterr().ok('GET', '/v1/usage')).toMatchObject({ totals: { requests: 1 } });
});

it('an answer of more than 100,000 rows is refused, and says what to change', async () => {
  await patient().sql.query(
    `WITH series AS (
       INSERT INTO usage_series (organization_id, provider, model, service_tier, api_key_id)
       SELECT $1, 'openai', 'm' || g, 'standard', $1 FROM generate_series(1, ${MODELS}) g RETURNING id)
     INSERT INTO usage_quarter_hours (organization_id, bucket, series_id, requests, input_tokens, output_tokens,
       cache_read_tokens, cache_write_tokens, reasoning_tokens, cost, unpriced_requests)
     SELECT $1, '2025-01-01Z'::timestamptz + h * interval '1 hour', s.id, 1, 1, 1, 0, 0, 0, 1, 0
       FROM series s, generate_series(0, ${HOURS - 1}) h`,
    [patient().organization.uuid],
  );
  const range = 'start=2025-01-01T00:00:00Z&end=2026-02-21T16:00:00Z&interval=hour';
  const { status, error } = await patient().rest('GET', `/v1/usage?${range}&group_by=model`);
  expect([status, error?.code]).toEqual([400, 'invalid_request']);
  expect(error?.message).toMatch(/^interval: gives more than 100,000 rows .* a lower limit/);
  const fewer = await patient().ok<{ data: unknown[] }>('GET', `/v1/usage?${range}&group_by=model&limit=1`);
  expect(fewer.data).toHaveLength(2 * HOURS);
});
