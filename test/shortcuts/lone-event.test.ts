import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createBudget } from '../../src/domain/budgets/create-budget.ts';
import type { BudgetInput } from '../../src/domain/budgets/read-budget-input.ts';
import { verifyBudgets } from '../../src/domain/budgets/verify-budgets.ts';
import type { Context } from '../../src/domain/context.ts';
import type { UsageRow } from '../../src/domain/usage/event/usage-event.ts';
import type { UsageInput } from '../../src/domain/usage/event/usage-input.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { matchCounters } from '../../src/domain/usage/write/match-counters.ts';
import type { StoredEvent } from '../../src/domain/usage/write/stored-event.ts';
import { isStaleBudgets, organizationsOf, writeEvents } from '../../src/domain/usage/write/write-events.ts';
import { formatId } from '../../src/platform/ids.ts';
import type { Statement } from '../../src/platform/postgres/database.ts';
import { DEFAULT_NOW } from '../harness/app.ts';
import { makeRows, useTestDomain } from '../harness/domain.ts';
import { type MadeTeam, makeOrganization, makeTeam } from '../harness/make.ts';

// `record_one` writes a lone event in few statements, `record_usage` any number of them in others.
// The same events are recorded in two organizations that are alike, one way each: nothing that is
// stored may tell which was which.

const domain = useTestDomain();
const NOW_MS = Date.parse(DEFAULT_NOW);
const HOUR_MS = 3_600_000;

interface Side {
  context: Context;
  team: MadeTeam;
  /** What differs by nature: ids, by what they are of. */
  names: Map<string, string>;
}

const budgetsOf = (team: MadeTeam): BudgetInput[] => [
  { name: 'everything', amount: '0.05', period: 'total', thresholds: [10, 50, 100, 200] },
  { name: 'each user', amount: '0.02', period: 'day', per: 'user', thresholds: [] },
  { name: 'tokens', tokens: 20_000, period: 'month', thresholds: [1, 99] },
  { name: 'nearly nothing', amount: '0.000000000000000001', period: 'day', thresholds: [50] },
  {
    name: 'production',
    amount: '0.01',
    period: 'week',
    per: 'tag:env',
    scope: { model: 'gpt-4o', tags: { env: 'prod' } },
  },
  { name: 'team', amount: '0.01', period: 'day', timezone: 'Asia/Kolkata', scope: { teamId: team.id } },
];

async function makeSide(hasBudgets: boolean): Promise<Side> {
  const organization = await makeOrganization(domain());
  const team = await makeTeam(domain(), organization, { name: 'Research' });
  const context = await domain().contextOf(organization);
  const names = new Map([
    [organization.uuid, 'the organization'],
    [organization.key.uuid, 'the key'],
    [team.uuid, 'the team'],
    [team.id, 'the team'],
  ]);
  for (const input of hasBudgets ? budgetsOf(team) : []) {
    const budget = await createBudget(context, input);
    names.set(budget.id, input.name).set(formatId('budget', budget.id), input.name);
  }
  await domain().resources.budgets.reload(organization.uuid);
  return { context, team, names };
}

type Given = Omit<Partial<UsageInput>, 'teamId'> & { isOfTeam: boolean };

const count = fc.oneof(fc.nat(3_000), fc.constantFrom(0, 1, 10 ** 12 - 100));
const given: fc.Arbitrary<Given> = fc
  .record({
    id: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'é"\\'), { freq: 3 }),
    responseId: fc.option(fc.constantFrom('chatcmpl-1', 'msg_"é\\', 'resp_1'), { freq: 2 }),
    model: fc.constantFrom('gpt-4o', 'gpt-4o-mini', 'a model without a price'),
    serviceTier: fc.constantFrom(null, 'batch'),
    inputTokens: count,
    outputTokens: count,
    cacheReadTokens: fc.nat(100),
    reasoningTokens: fc.nat(100),
    webSearches: fc.constantFrom(null, 3),
    userId: fc.constantFrom(null, 'ann', 'bob'),
    tags: fc.constantFrom(null, { env: 'prod' }, { env: 'dev', 'a "quoted" \\ name': 'é' }),
    metadata: fc.constantFrom(null, { deep: [{ x: 1.5 }, null, 'é'] }),
    cost: fc.constantFrom(null, null, '0', '0.012300000000000001'),
    hoursAgo: fc.constantFrom(0, 0.1, 1, 30, 24 * 40),
    isOfTeam: fc.boolean(),
  })
  .map(({ hoursAgo, ...event }) => ({
    ...event,
    inputTokens: event.inputTokens + event.cacheReadTokens,
    outputTokens: event.outputTokens + event.reasoningTokens,
    timestamp: hoursAgo === 0 ? null : new Date(NOW_MS - hoursAgo * HOUR_MS),
  }));

function hexOf({ bodyHash }: { bodyHash: string }): string {
  return Buffer.from(bodyHash, 'latin1').toString('hex');
}

async function makeRow({ context, team, names }: Side, { isOfTeam, ...event }: Given, at: number): Promise<UsageRow> {
  const [row] = await makeRows(context, [{ ...event, teamId: isOfTeam ? team.id : null }]);
  if (!row) throw new Error('one event is one row');
  const { id, eventId } = row.event;
  names.set(id, `event ${at}`);
  if (!event.id) names.set(eventId, `event ${at}`);
  // The team is part of what is hashed.
  const hash = hexOf(row);
  if (!names.has(hash)) names.set(hash, `hash ${at}`);
  return row;
}

/** Writes as the committer does, and says by which statement. */
async function write(rows: readonly UsageRow[], areNew: boolean, isStale = false) {
  const { database, budgets } = domain().resources;
  const plan = matchCounters({ get: budgets.peek }, organizationsOf(rows), rows);
  if (isStale) plan.versions = plan.versions.map((version) => version - 1);
  const statements: (string | undefined)[] = [];
  const query = <Row>(statement: Statement) => {
    statements.push(statement.name);
    return database.queryReserved<Row>(statement);
  };
  const known = await writeEvents({ query }, rows, plan, NOW_MS, areNew);
  return { known: known.get(0) ?? null, statements };
}

/**
 * Not written by recording: what both sides were given, and what is folded from the ledger when its
 * time comes.
 */
const OTHER_TABLES = [
  ...['api_keys', 'audit_entries', 'budgets', 'organization_changes', 'teams', 'usage_series'],
  ...['usage_attributions', 'usage_attribution_days'],
];

/**
 * Every row of the organization in every table, to the last digit, its ids replaced by what they
 * are of.
 */
async function readAll({ context, names }: Side): Promise<Record<string, string[]>> {
  const { sql } = domain();
  const organizationId = context.caller.organization.id;
  const { rows: tables } = await sql.query<{ table_name: string }>(
    `SELECT table_name FROM information_schema.columns
      WHERE table_schema = 'public' AND column_name = 'organization_id' AND table_name <> ALL ($1) ORDER BY 1`,
    [OTHER_TABLES],
  );
  const contents: Record<string, string[]> = {};
  for (const { table_name: table } of tables) {
    const { rows } = await sql.query<{ row: string }>(
      `SELECT (to_jsonb(t) - $2::text[] || coalesce(s.name, '{}'))::text AS row
         FROM ${table} t
         LEFT JOIN (
           SELECT id, jsonb_build_object('series_id', concat_ws(' ', provider, model, service_tier, team_id, api_key_id))
                    AS name FROM usage_series WHERE organization_id = $1) s
           ON s.id = (to_jsonb(t) ->> 'series_id')::int
        WHERE t.organization_id = $1`,
      // The order of commits over all organizations, and the log's own ids.
      [organizationId, table === 'events' ? ['position', 'id'] : ['position']],
    );
    contents[table] = rows.map(({ row }) => nameIds(row, names)).sort();
  }
  return contents;
}

function nameIds(text: string, names: ReadonlyMap<string, string>): string {
  return [...names].reduce((named, [id, name]) => named.replaceAll(id, name), text);
}

/** Of an event that was known before: what its caller is told. */
function nameKnown(known: StoredEvent | null, { names }: Side) {
  return known && { ...known, id: names.get(known.id), bodyHash: names.get(hexOf(known)) };
}

/**
 * Another organization's event: a batch of two goes the long way, and its transaction locks both.
 */
async function makeCompanion(): Promise<() => Promise<UsageRow>> {
  const side = await makeSide(false);
  return () => makeRow(side, { isOfTeam: false }, 0);
}

it.each([
  ['without budgets', false],
  ['with budgets of every kind', true],
])(
  'an event alone leaves the same ledger, sums, counters, crossings and log as in a batch: %s',
  async (_, hasBudgets) => {
    const nextCompanion = await makeCompanion();
    const seen = { lone: 0, known: 0, sameCalls: 0, crossings: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(given, { minLength: 3, maxLength: 10 }), async (events) => {
        const [alone, batched] = [await makeSide(hasBudgets), await makeSide(hasBudgets)];
        const ids = new Set<string>();
        const responses = new Set<string>();
        for (const [at, event] of events.entries()) {
          const { id, responseId } = event;
          const isSameCall = Boolean(responseId && responses.has(responseId));
          const isNew = !isSameCall && !(id && ids.has(id));
          if (isNew && id) ids.add(id);
          if (isNew && responseId) responses.add(responseId);
          const short = await write([await makeRow(alone, event, at)], false);
          const long = await write([await makeRow(batched, event, at), await nextCompanion()], isNew);
          expect(short.statements).toEqual([expect.stringMatching(/^record-one/)]);
          expect(long.statements).toEqual(['record-usage']);
          expect(nameKnown(short.known, alone)).toEqual(nameKnown(long.known, batched));
          expect(short.known === null).toBe(isNew);
          expect(short.known?.isSameCall ?? false).toBe(isSameCall);
          seen.lone++;
          if (short.known) seen.known++;
          if (isSameCall) seen.sameCalls++;
        }
        const left = await readAll(alone);
        expect(left).toEqual(await readAll(batched));
        seen.crossings += left.budget_crossings?.length ?? 0;
      }),
      { numRuns: 15, endOnFailure: true },
    );
    expect(seen.known).toBeGreaterThan(seen.sameCalls);
    expect(seen.sameCalls).toBeGreaterThan(0);
    expect(seen.crossings > 0).toBe(hasBudgets);
    const { database } = domain().resources;
    expect([await verifyUsage(database), await verifyBudgets(database)]).toEqual([[], []]);
  },
);

it('an event alone is refused like one in a batch when the list of budgets is old, and nothing of it is stored', async () => {
  const nextCompanion = await makeCompanion();
  const [alone, batched] = [await makeSide(true), await makeSide(true)];
  const before = await readAll(alone);
  const event = { isOfTeam: true, inputTokens: 10 ** 6 };
  const rows = [[await makeRow(alone, event, 0)], [await makeRow(batched, event, 0), await nextCompanion()]];
  for (const list of rows) {
    expect(isStaleBudgets(await write(list, false, true).catch((error: unknown) => error))).toBe(true);
  }
  expect(await readAll(alone)).toEqual(before);
  expect(await readAll(batched)).toEqual(before);
});

it('an event alone goes the long way where prepaid credits pay for it', async () => {
  const organization = await makeOrganization(domain(), { credits: 'prepaid' });
  const rows = await makeRows(await domain().contextOf(organization), [{}]);
  expect((await write(rows, false)).statements).toEqual(['record-one', 'record-usage']);
});
