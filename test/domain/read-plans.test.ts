import type pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../src/domain/context.ts';
import { listUsageEvents } from '../../src/domain/usage/list-usage-events.ts';
import { summarizeUsage, type UsageQuestion } from '../../src/domain/usage/summarize-usage.ts';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import type { Database, Sql } from '../../src/platform/postgres/database.ts';
import { useTestDomain } from '../harness/domain.ts';
import { type MadeOrganization, makeOrganization } from '../harness/make.ts';

// Statistics that are absent, or older than the rows, make the planner expect one row of anything.

const OWN_EVENTS = 2_000;
const OTHER_EVENTS = 40_000;
const DAYS = { start: new Date('2026-11-15T00:00:00Z'), end: new Date('2026-11-22T00:00:00Z') };

const domain = useTestDomain();
let own: MadeOrganization;
let context: Context;

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: PlanNode[];
}

/** Rows that scans of tables read, those that a filter removed included. */
function rowsRead(node: PlanNode): number {
  const below = (node.Plans ?? []).reduce((sum, plan) => sum + rowsRead(plan), 0);
  if (node['Relation Name'] === undefined) return below;
  const rows =
    node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  return below + rows * node['Actual Loops'];
}

/** The context, counting what the statements of its snapshots read. */
function counting({ resources, ...rest }: Context): { context: Context; read: () => number } {
  let read = 0;
  const { database } = resources;
  const explained = (sql: Sql): Sql => {
    const query = async (text: string, values?: unknown[]) => {
      if (/^\s*(WITH|SELECT)/.test(text)) {
        const { rows } = await sql.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values);
        read += rowsRead(rows[0]['QUERY PLAN'][0].Plan);
      }
      return sql.query(text, values);
    };
    return { query } as pg.ClientBase;
  };
  const snapshot: Database['snapshot'] = (work, limits) => database.snapshot((sql) => work(explained(sql)), limits);
  return { context: { ...rest, resources: { ...resources, database: { ...database, snapshot } } }, read: () => read };
}

/** Events of as many users, over a week, in the given organization. */
async function store({ uuid, key }: MadeOrganization, events: number): Promise<void> {
  await domain().sql.query(
    `WITH series AS (
       INSERT INTO usage_series (organization_id, provider, model, service_tier, api_key_id)
       VALUES ($1, 'openai', 'gpt-4o', 'standard', $2)
       ON CONFLICT (organization_id, provider, model, service_tier, api_key_id, team_id) DO UPDATE SET model = excluded.model
       RETURNING id)
     INSERT INTO usage_events (organization_id, id, event_id, body_hash, time, recorded_at, series_id, input_tokens,
       output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens,
       input_audio_tokens, output_audio_tokens, web_searches, cost, cost_source, user_id, tags)
     SELECT $1, uuid_v7_at(t), gen_random_uuid()::text, '', t, t, s.id, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 'catalog', 'u' || g,
            jsonb_build_object('env', CASE g % 3 WHEN 0 THEN 'prod' ELSE 'dev' END)
       FROM series s, generate_series(1, $3::int) g, LATERAL (SELECT $4::timestamptz + g % 10000 * interval '1 minute' AS t)`,
    [uuid, key.uuid, events, DAYS.start],
  );
}

beforeAll(async () => {
  const { sql } = domain();
  for (const table of ['usage_events', 'usage_attributions', 'usage_attribution_days', 'usage_series']) {
    await sql.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
  }
  await sql.query('ANALYZE');
  own = await makeOrganization(domain());
  context = await domain().contextOf(own);
  await store(own, OWN_EVENTS);
  await store(await makeOrganization(domain()), OTHER_EVENTS);
});

describe.each(['not folded yet', 'folded'])(
  'a read of events that are %s, with statistics of empty tables',
  (state) => {
    beforeAll(async () => {
      if (state === 'folded') await foldUsage(domain().resources.database);
    });

    it.each<[string, UsageQuestion]>([
      ['by hour and user', { interval: 'hour', groupBy: [{ name: 'user', key: null }] }],
      ['by hour with a tag', { interval: 'hour', filter: { tags: [{ key: 'env', value: 'prod' }] } }],
      ['by user', { groupBy: [{ name: 'user', key: null }] }],
      ['of one user', { filter: { userId: 'u7' } }],
      ['by tag', { groupBy: [{ name: 'tag', key: 'env' }] }],
    ])('%s reads the caller’s own range, not other tenants’', async (_, question) => {
      const counted = counting(context);
      const { totals } = await summarizeUsage(counted.context, { ...DAYS, ...question });
      expect(totals.requests).toBeGreaterThan(0);
      // What is not folded yet lies among the events of all organizations, at the end of the table.
      const unfolded = state === 'folded' || question.interval === 'hour' ? 0 : OWN_EVENTS + OTHER_EVENTS;
      expect(counted.read()).toBeLessThanOrEqual(3 * OWN_EVENTS + unfolded);
    });
  },
);

it('a history by a tag that no event carries does not read the caller’s events', async () => {
  const counted = counting(context);
  const page = await listUsageEvents(counted.context, { filter: { tags: [{ key: 'env', value: 'nowhere' }] } });
  expect(page).toEqual({ items: [], hasMore: false });
  expect(counted.read()).toBeLessThanOrEqual(1.2 * OWN_EVENTS);
});

it('an event is found by its own id without reading others', async () => {
  const { rows } = await domain().sql.query(
    'SELECT event_id FROM usage_events WHERE organization_id = $1 ORDER BY id LIMIT 1',
    [own.uuid],
  );
  const eventId: string = rows[0].event_id;
  for (const filter of [{}, { userId: 'nobody' }, { model: 'gpt-4o' }]) {
    const counted = counting(context);
    await listUsageEvents(counted.context, { eventId, filter });
    expect(counted.read()).toBeLessThanOrEqual(5);
  }
});

// It took over 17 minutes for 100,000 of them.
it('a fold of as many users as events ends, with statistics of empty tables', async () => {
  await store(own, OTHER_EVENTS);
  const start = performance.now();
  await foldUsage(domain().resources.database);
  expect(performance.now() - start).toBeLessThan(30_000);
});
