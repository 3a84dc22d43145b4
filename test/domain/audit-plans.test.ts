import type pg from 'pg';
import { beforeAll, expect, it } from 'vitest';
import type { AuditFilter } from '../../src/domain/audit/audit-filter.ts';
import { listAuditEntries } from '../../src/domain/audit/list-audit-entries.ts';
import type { Context } from '../../src/domain/context.ts';
import type { Database, Sql } from '../../src/platform/postgres/database.ts';
import { useTestDomain } from '../harness/domain.ts';
import { type MadeOrganization, makeKey, makeOrganization } from '../harness/make.ts';

const ENTRIES = 20_000;
/** One of so many entries is by the rare actor, of the rare action and target. */
const RARE = 500;
const PAGE = 20;
const START = new Date('2026-01-01T00:00:00Z');
const MINUTE_MS = 60_000;

const domain = useTestDomain();
let organization: MadeOrganization;
let filters: Record<string, AuditFilter>;

interface PlanNode {
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

function rowsRead(node: PlanNode): number {
  const below = (node.Plans ?? []).reduce((sum, plan) => sum + rowsRead(plan), 0);
  if (node['Relation Name'] !== 'audit_entries') return below;
  return below + (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
}

/** The context, counting the entries that its reads looked at. */
function counting({ resources, ...rest }: Context): { context: Context; read: () => number } {
  let read = 0;
  const { database } = resources;
  const explained = (sql: Sql): Sql => {
    const query = async (text: string, values?: unknown[]) => {
      const { rows } = await sql.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values);
      read += rowsRead(rows[0]['QUERY PLAN'][0].Plan);
      return sql.query(text, values);
    };
    return { query } as pg.ClientBase;
  };
  const snapshot: Database['snapshot'] = (work, limits) => database.snapshot((sql) => work(explained(sql)), limits);
  return { context: { ...rest, resources: { ...resources, database: { ...database, snapshot } } }, read: () => read };
}

beforeAll(async () => {
  const { sql } = domain();
  organization = await makeOrganization(domain());
  const other = await makeOrganization(domain());
  const rare = await makeKey(domain(), organization);
  for (const { uuid, key } of [organization, other]) {
    await sql.query(
      `INSERT INTO audit_entries (organization_id, id, at, actor_key_id, address, action, target_id)
       SELECT $1, uuid_v7_at(t), t, CASE WHEN g % $5::int = 0 THEN $3::uuid WHEN g % $5::int = 1 THEN NULL ELSE $2::uuid END, 'here',
              CASE WHEN g % $5::int = 0 THEN 'team.deleted' ELSE 'team.updated' END,
              CASE WHEN g % $5::int = 0 THEN 'team_01h455vb4pex5vsknk084sn02q' ELSE 'team_' || g END
         FROM generate_series(1, $4::int) g, LATERAL (SELECT $6::timestamptz + g * interval '1 minute' AS t)`,
      [uuid, key.uuid, rare.uuid, ENTRIES, RARE, START],
    );
  }
  await sql.query('ANALYZE audit_entries');
  const at = (minutes: number) => new Date(START.getTime() + minutes * MINUTE_MS);
  filters = {
    'no filter': {},
    'a busy actor': { actor: organization.key.id },
    'a rare actor': { actor: rare.id },
    'the operator': { actor: 'operator' },
    'a rare action': { action: 'team.deleted' },
    'a common action': { action: 'team.updated' },
    'an action that never was': { action: 'team.painted' },
    'a target': { target: 'team_01h455vb4pex5vsknk084sn02q' },
    'a minute long ago': { start: at(1), end: at(2) },
    'a range of time': { start: at(1_000), end: at(9_000) },
    'a rare actor in a range of time': { actor: rare.id, start: at(1_000), end: at(9_000) },
    'a rare action of a busy actor': { actor: organization.key.id, action: 'team.deleted' },
  };
});

it.each([
  'no filter',
  'a busy actor',
  'a rare actor',
  'the operator',
  'a rare action',
  'a common action',
  'an action that never was',
  'a target',
  'a minute long ago',
  'a range of time',
  'a rare actor in a range of time',
  'a rare action of a busy actor',
])('a page by %s reads about the entries that it shows, of 20,000', async (name) => {
  const { context, read } = counting(await domain().contextOf(organization));
  const page = await listAuditEntries(context, { first: PAGE, ...filters[name] });
  const matching = ENTRIES / RARE;
  expect(page.items.length).toBeLessThanOrEqual(PAGE);
  expect(read()).toBeGreaterThanOrEqual(page.items.length);
  expect(read()).toBeLessThanOrEqual(Math.max(PAGE + 2, matching + 2));
});
