import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashApiKeySecret, newApiKeySecret } from '../../src/domain/access/api-key-secret.ts';
import { createBudgetDirectory } from '../../src/domain/budgets/budget-directory.ts';
import type { Context } from '../../src/domain/context.ts';
import { createHold } from '../../src/domain/holds/create-hold.ts';
import { releaseHold } from '../../src/domain/holds/release-hold.ts';
import { createTenantLoader } from '../../src/domain/load-tenants.ts';
import { createTeamDirectory } from '../../src/domain/teams/team-directory.ts';
import { adjustUsage } from '../../src/domain/usage/adjust/adjust-usage.ts';
import { findUnpriced } from '../../src/domain/usage/adjust/find-unpriced.ts';
import { createSeriesCache } from '../../src/domain/usage/prepare/series-cache.ts';
import { recordUsage } from '../../src/domain/usage/record-usage.ts';
import { recordUsageBatch } from '../../src/domain/usage/record-usage-batch.ts';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { retireUsage } from '../../src/domain/usage/upkeep/retire-usage.ts';
import { voidUsage } from '../../src/domain/usage/void-usage.ts';
import { createUsageCommitter } from '../../src/domain/usage/write/usage-committer.ts';
import { formatId } from '../../src/platform/ids.ts';
import type { Database, Session, Sql, Statement } from '../../src/platform/postgres/database.ts';
import { DEFAULT_NOW } from '../harness/app.ts';
import { openTestDomain } from '../harness/domain.ts';
import {
  EVENT_INPUT,
  type MadeOrganization,
  makeKey,
  makeMemberRow,
  makeOrganization,
  makeTeam,
} from '../harness/make.ts';

// Every statement of the write path and of upkeep is planned once while the tables are empty, or
// from statistics that say so, and keeps its plan. It must read what it is about all the same.

const MANY = 6_000;
const OLD_EVENTS = 2_000;
/** What the statements of one operation may read: what belongs to it, and not a share of the tables. */
const FEW = 300;
/** What a fold may read besides: its index knows ranges of 32 pages, and not their rows. */
const RANGE_OF_PAGES = 1_500;
const EARLY = '2026-11-01T00:00:00Z';

type Opened = Awaited<ReturnType<typeof openTestDomain>>;

/** Rows that this connection read and has not reported yet: also those of transactions before. */
async function readSoFar(sql: Sql): Promise<number> {
  const { rows } = await sql.query<{ read: number }>(
    'SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS read FROM pg_stat_xact_user_tables',
  );
  return rows[0]?.read ?? 0;
}

/** A database that counts the rows that statements read, each in a transaction. */
function counting(database: Database) {
  let read = 0;
  const transaction: Database['transaction'] = (work, limits) =>
    database.transaction(async (sql: Sql) => {
      const before = await readSoFar(sql);
      const result = await work(sql);
      read += (await readSoFar(sql)) - before;
      return result;
    }, limits);
  const queryReserved = <Row>({ name, text, values }: Statement) =>
    transaction((sql) => sql.query<Row & pg.QueryResultRow>({ name, text, values }));
  const session: Session = { query: queryReserved, close() {} };
  const pool = { query: (text: string, values?: unknown[]) => transaction((sql) => sql.query(text, values)) };
  const counted = { ...database, pool, transaction, queryReserved, openSession: () => session };
  return {
    database: counted as unknown as Database,
    async count(work: () => Promise<unknown>): Promise<number> {
      read = 0;
      await work();
      return read;
    },
  };
}

/** Everything that writes, over the counting database. */
function contextOver(context: Context, database: Database): Context {
  const { changes, clock } = context.resources;
  const budgets = createBudgetDirectory(database, changes);
  const usage = createUsageCommitter({ database, budgets, clock, maxTransactions: 1, maxQueuedEvents: 10_000 });
  const teams = createTeamDirectory(database, changes);
  const series = createSeriesCache(database);
  return { ...context, resources: { ...context.resources, database, budgets, usage, teams, series } };
}

async function fillTables({ sql }: Opened, own: MadeOrganization, other: MadeOrganization): Promise<void> {
  const many = `generate_series(1, ${MANY}) AS n`;
  await sql.query(`INSERT INTO organizations (id, name) SELECT gen_random_uuid(), 'one of many' FROM ${many}`);
  await sql.query(
    `INSERT INTO teams (id, organization_id, name) SELECT gen_random_uuid(), $1, 'team ' || n FROM ${many}`,
    [other.uuid],
  );
  await sql.query(
    `INSERT INTO members (id, organization_id, team_id, email, name, role)
     SELECT gen_random_uuid(), $1, t.id, t.name, t.name, 'viewer' FROM teams t WHERE t.organization_id = $1`,
    [other.uuid],
  );
  await sql.query(
    `INSERT INTO api_keys (id, organization_id, name, secret_hash, previous_secret_hash, hint, scopes)
     SELECT gen_random_uuid(), $1, 'key', sha256(n::text::bytea), sha256((-n)::text::bytea), 'hint', '{}' FROM ${many}`,
    [other.uuid],
  );
  for (const { uuid } of [own, other]) {
    await sql.query(
      `INSERT INTO usage_series (organization_id, provider, model, service_tier, api_key_id)
       SELECT $1, 'openai', 'gpt-' || n, 'standard', gen_random_uuid() FROM ${many}`,
      [uuid],
    );
    await sql.query(
      `INSERT INTO holds (organization_id, id, status, provider, model, tokens, api_key_id, created_at, expires_at)
       SELECT $1, gen_random_uuid(), 'released', 'openai', 'gpt-4o', 1, gen_random_uuid(), now(), now() FROM ${many}`,
      [uuid],
    );
    await sql.query(
      `INSERT INTO budget_counters (organization_id, budget_id, subject, period_start, period_end, spent, matched_events)
       SELECT $1, gen_random_uuid(), 's' || n, $2, $2::timestamptz + interval '1 month', 0, 0 FROM ${many}`,
      [uuid, EARLY],
    );
    await sql.query(
      `INSERT INTO usage_events (organization_id, id, event_id, body_hash, time, recorded_at, series_id, input_tokens,
         output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens,
         input_audio_tokens, output_audio_tokens, web_searches, cost_source, user_id, tags)
       SELECT $1, uuid_v7_at(t), gen_random_uuid()::text, '', t, t, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 'unpriced', 'u' || n, '{}'
         FROM ${many}, LATERAL (SELECT $2::timestamptz + n * interval '1 minute' AS t)`,
      [uuid, EARLY],
    );
    await sql.query(
      `INSERT INTO usage_responses (organization_id, response_id, event_id) SELECT $1, 'response ' || n, 'x' FROM ${many}`,
      [uuid],
    );
  }
  await sql.query(
    `INSERT INTO unpriced_models (organization_id, provider, model, service_tier, reason)
     SELECT $1, 'openai', 'unpriced-' || n, 'standard', 'unknown_model' FROM ${many}`,
    [other.uuid],
  );
}

describe.each([
  ['absent', 'recording'],
  ['of empty tables', 'recording'],
  ['absent', 'pricing later'],
  ['of empty tables', 'pricing later'],
])('with statistics that are %s, %s', (statistics, group) => {
  let opened: Opened;
  let own: MadeOrganization;
  let counted: ReturnType<typeof counting>;
  let context: Context;
  let teamId: string;
  let next = 0;

  const input = () => ({
    ...EVENT_INPUT,
    id: `event ${next++}`,
    userId: `u${next}`,
    teamId,
    tags: { n: String(next) },
  });
  const answering = (given: ReturnType<typeof input>) => ({ ...given, responseId: `response of ${given.id}` });
  const answered = () => answering(input());
  const record = () => recordUsage(context, input());
  const recordUnpriced = () => recordUsage(context, { ...input(), model: 'unheard-of' });
  const priceLater =
    ({ event: { id } }: { event: { id: string } }) =>
    () =>
      adjustUsage(context.resources, {
        organizationId: own.uuid,
        ids: [id],
        reason: 'priced_later',
        price: () => ({ cost: 1n, costSource: 'catalog', priceId: null, warnings: [] }),
      });
  const hold = () => createHold(context, { ...EVENT_INPUT, maxOutputTokens: 500, teamId });
  const inputs = () => Array.from({ length: 5 }, input);

  const usual: [string, () => Promise<() => Promise<unknown>>][] = [
    ['an event', async () => record],
    [
      'an event that comes again',
      async () => {
        const again = input();
        await recordUsage(context, again);
        // Another process, which has not met the id.
        const fresh = contextOver(context, counted.database);
        return () => recordUsage(fresh, again);
      },
    ],
    ['a batch', async () => () => recordUsageBatch(context, inputs())],
    [
      'a batch that comes again',
      async () => {
        const again = inputs();
        await recordUsageBatch(context, again);
        const fresh = contextOver(context, counted.database);
        return () => recordUsageBatch(fresh, again);
      },
    ],
    ['an event with a response id', async () => () => recordUsage(context, answered())],
    [
      'an event whose response id comes again',
      async () => {
        const first = answered();
        await recordUsage(context, first);
        return () => recordUsage(context, { ...answered(), responseId: first.responseId });
      },
    ],
    ['a batch with response ids', async () => () => recordUsageBatch(context, inputs().map(answering))],
    [
      'a batch whose response ids come again',
      async () => {
        const again = inputs().map(answering);
        await recordUsageBatch(context, again);
        return () => recordUsageBatch(context, [...again.map((one) => ({ ...one, id: null })), input()]);
      },
    ],
    [
      'a batch that has a response id twice',
      async () => {
        const [first, ...others] = inputs().map(answering);
        return () =>
          recordUsageBatch(
            context,
            [...others, first, first].flatMap((one) => one ?? []),
          );
      },
    ],
    ['an event without a price', async () => () => recordUsage(context, { ...input(), model: 'unheard-of' })],
    [
      'a batch without prices',
      async () => () =>
        recordUsageBatch(
          context,
          inputs().map((one, i) => ({ ...one, model: `unheard-of-${i}` })),
        ),
    ],
    [
      'an event of a process that has met nothing',
      async () => {
        const fresh = contextOver(context, counted.database);
        return () => recordUsage(fresh, input());
      },
    ],
    [
      'a void',
      async () => {
        const { event } = await record();
        return () => voidUsage(context, { id: formatId('usageEvent', event.id), reason: 'a test' });
      },
    ],
    ['a hold', async () => hold],
    [
      'a release',
      async () => {
        const { id } = await hold();
        return () => releaseHold(context, formatId('hold', id));
      },
    ],
    [
      'an event that settles a hold',
      async () => {
        const { id } = await hold();
        return () => recordUsage(context, { ...input(), holdId: formatId('hold', id) });
      },
    ],
    [
      'loading a tenant',
      async () => {
        const load = createTenantLoader(contextOver(context, counted.database).resources);
        return () => load([hashApiKeySecret(own.key.secret)]);
      },
    ],
    [
      'loading a tenant by the old secret of a member’s key',
      async () => {
        const key = await makeKey(opened, own, { member: await makeMemberRow(opened, own) });
        const hash = hashApiKeySecret(key.secret);
        await opened.sql.query(
          `UPDATE api_keys SET previous_secret_hash = secret_hash, previous_secret_until = '2100-01-01', secret_hash = $2
            WHERE id = $1`,
          [key.uuid, Buffer.from(newApiKeySecret().hash)],
        );
        const load = createTenantLoader(contextOver(context, counted.database).resources);
        return () => load([hash]);
      },
    ],
  ];
  const later: typeof usual = [
    ['a price that becomes known later', async () => priceLater(await recordUnpriced())],
    [
      'a void of an event that was priced later',
      async () => {
        const { event } = await recordUnpriced();
        await priceLater({ event })();
        return () => voidUsage(context, { id: formatId('usageEvent', event.id), reason: 'a test' });
      },
    ],
    [
      'a batch that comes again after it was priced',
      async () => {
        const again = inputs().map((one) => ({ ...one, model: 'unheard-of' }));
        const { items } = await recordUsageBatch(context, again);
        for (const { id } of items) await priceLater({ event: { id: id ?? '' } })();
        const fresh = contextOver(context, counted.database);
        return () => recordUsageBatch(fresh, again);
      },
    ],
    [
      'a look for events without a price',
      async () => {
        await priceLater(await recordUnpriced())();
        const { event } = await recordUnpriced();
        return async () => {
          const found: string[] = [];
          for await (const events of findUnpriced(counted.database)) found.push(...events.map(({ id }) => id));
          await priceLater({ event })();
          if (!found.includes(event.id)) throw new Error('an unpriced event must be found');
        };
      },
    ],
  ];
  // Few at a time: their plans are made while the tables are small.
  const operations = group === 'recording' ? usual : later;

  beforeAll(async () => {
    opened = await openTestDomain({ env: { METERR_DATABASE_CONNECTIONS: '8' } });
    const { sql } = opened;
    const { rows: tables } = await sql.query<{ name: string }>(
      "SELECT format('%I', relname) AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    );
    for (const { name } of tables) await sql.query(`ALTER TABLE ${name} SET (autovacuum_enabled = off)`);
    own = await makeOrganization(opened);
    teamId = (await makeTeam(opened, own)).id;
    counted = counting(opened.resources.database);
    context = contextOver(await opened.contextOf(own), counted.database);
    if (statistics !== 'absent') await sql.query('ANALYZE');
    // Statements are planned anew five times before their plan is kept.
    for (let i = 0; i < 7; i++) for (const [, prepare] of operations) await (await prepare())();
    await fillTables(opened, own, await makeOrganization(opened));
    await foldUsage(counted.database);
  }, 120_000);

  afterAll(() => opened.close());

  it.each(operations)('%s reads a handful of rows, however many there are', async (_, prepare) => {
    const run = await prepare();
    expect(await counted.count(run)).toBeLessThan(FEW);
  });

  it('folding an event reads a range of pages', async () => {
    await foldUsage(counted.database);
    await record();
    expect(await counted.count(() => foldUsage(counted.database))).toBeLessThan(RANGE_OF_PAGES + FEW);
  });

  it('retention reads what it removes', async () => {
    await opened.sql.query('UPDATE organizations SET retention_days = 17 WHERE id = $1', [own.uuid]);
    let removed = 0;
    const read = await counted.count(async () => {
      removed = await retireUsage(counted.database, null, Date.parse(DEFAULT_NOW));
    });
    expect(removed).toBeGreaterThan(OLD_EVENTS);
    expect(read).toBeLessThan(4 * removed + MANY + FEW);
  });
});
