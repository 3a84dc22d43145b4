import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import type {
  BatchAnswer,
  ListAnswer,
  UsageEventAnswer,
  UsageGroupAnswer,
  UsageSummaryAnswer,
} from '../harness/answers.ts';
import { NEVER_MS } from '../harness/app.ts';
import { type Calls, createCalls, socketDoor } from '../harness/calls.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { decimalOf, rowsBy, sumsBy, sumsOf } from '../harness/ledger.ts';
import { unitName } from '../harness/local-time.ts';
import { type MadeKey, type MadeTeam, makeKey, makeOrganization, makeTeam } from '../harness/make.ts';
import { type LaterPricer, openLaterPricer } from '../harness/price-later.ts';
import { type ServerProcess, startServer } from '../harness/processes/server-process.ts';
import {
  type Attempt,
  type Body,
  type KeyName,
  NOW_MS,
  type Request,
  responseIdOf,
  type Script,
  SERVERS,
  script,
} from './usage-model.ts';
import { type Answered, ModelLedger, type Outcome, type StoredEvent } from './usage-model-ledger.ts';

// Two server processes on one database, requests in parallel, against a ledger that the test keeps
// in its head.

const RUNS = Number(process.env.METERR_TEST_MODEL_RUNS ?? 40);
const SHRINK_FOR_MS = 120_000;
const START = '2026-10-30T03:07:11.123Z';
const END = new Date(NOW_MS + 5 * 60_000 + 1).toISOString();
const ZONES = ['UTC', 'America/St_Johns'];

let database: TestDatabase;
let sql: pg.Pool;
let own: Database;
let servers: ServerProcess[] = [];
/** Two that price events later. */
let pricers: LaterPricer[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  const { connectionString } = database;
  sql = new pg.Pool({ connectionString, max: 2 });
  own = openDatabase({ connectionString, connections: 2, onError: () => {} });
  pricers = [0, 1].map(() => openLaterPricer(connectionString, NOW_MS));
  // Only a test says when.
  const env = { METERR_PRICE_UNPRICED_LATER: 'false', CATALOG_LOOK_MS: String(NEVER_MS) };
  const options = { connectionString, key: '', nowMs: NOW_MS, env };
  servers = await Promise.all(Array.from({ length: SERVERS }, () => startServer(options)));
  // They keep the prices that they began with.
  await pricers[0]?.makeKnown();
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await own?.close();
  await Promise.all(pricers.map((pricer) => pricer.close()));
  await sql?.end();
  await database?.drop();
});

/** An organization of its own, known to both servers. */
interface World {
  calls: Calls[];
  keys: Record<KeyName, MadeKey>;
  organizationUuid: string;
  teams: Record<string, MadeTeam>;
}

async function makeWorld(): Promise<World> {
  const organization = await makeOrganization({ sql });
  const [a, b] = await Promise.all([makeTeam({ sql }, organization), makeTeam({ sql }, organization)]);
  const second = await makeKey({ sql }, organization, { scopes: ['admin'] });
  const bound = await makeKey({ sql }, organization, { scopes: ['admin'], team: b });
  return {
    calls: servers.map(({ port }) => createCalls(socketDoor(port), organization.key.secret)),
    keys: { admin: organization.key, second, bound },
    organizationUuid: organization.uuid,
    teams: { a, b },
  };
}

function toWire({ teams }: World, { id }: Attempt, body: Body) {
  const optional = { timestamp: body.timestamp, user_id: body.userId, cost: body.cost };
  return {
    id: `e-${id}`,
    provider: body.provider,
    model: body.model,
    input_tokens: body.input,
    output_tokens: body.output,
    cache_read_tokens: body.cacheRead,
    cache_write_tokens: body.cacheWrite,
    reasoning_tokens: body.reasoning,
    team_id: body.team && teams[body.team]?.id,
    tags: body.tags,
    response_id: responseIdOf(id) ?? undefined,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null)),
  };
}

function toInput(wire: object): object {
  const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(wire).map(([name, value]) => [camel(name), value]));
}

const RECORD = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { id cost duplicate } }';
const RECORD_BATCH = `mutation ($input: RecordUsageBatchInput!) {
  recordUsageBatch(input: $input) { data { status id cost } created duplicates conflicts invalid } }`;

function refusal(code: string | undefined, details: Record<string, unknown> | undefined): Outcome {
  if (code === 'idempotency_conflict') return { status: 'conflict', usageId: String(details?.id), cost: null };
  if (code === 'invalid_request') return { status: 'invalid', usageId: null, cost: null };
  throw new Error(`answered ${code}`);
}

async function record(world: World, request: Extract<Request, { kind: 'record' }>, bodies: Body[]): Promise<Outcome[]> {
  const { rest, gql, ok, data } = world.calls[request.server] as Calls;
  const key = world.keys[request.key].secret;
  const events = request.attempts.map((attempt) => toWire(world, attempt, bodies[attempt.body] as Body));
  const readItems = ({ data: items, ...counted }: BatchAnswer): Outcome[] => {
    const outcomes = items.map(({ status, id, cost }) => {
      return { status: status.toLowerCase() as Outcome['status'], usageId: id, cost };
    });
    const count = (status: string) => outcomes.filter((outcome) => outcome.status === status).length;
    const [created, duplicates, conflicts] = [count('created'), count('duplicate'), count('conflict')];
    expect(counted).toMatchObject({ created, duplicates, conflicts, invalid: count('invalid') });
    return outcomes;
  };
  if (request.way === 'rest') {
    const { status, body, error } = await rest<UsageEventAnswer>('POST', '/v1/usage', { key, body: events[0] });
    if (status !== 200 && status !== 201) return [refusal(error?.code, error?.details)];
    return [{ status: status === 201 ? 'created' : 'duplicate', usageId: body.id, cost: body.cost }];
  }
  if (request.way === 'graphql') {
    const answer = await gql<{ recordUsage: { id: string; cost: string; duplicate: boolean } }>(
      RECORD,
      { input: toInput(events[0] as object) },
      { key },
    );
    if (answer.error) return [refusal(answer.error.code, answer.error.details)];
    const { id: usageId, cost, duplicate } = answer.data.recordUsage;
    return [{ status: duplicate ? 'duplicate' : 'created', usageId, cost }];
  }
  if (request.way === 'graphqlBatch') {
    const input = { events: events.map(toInput) };
    return readItems(
      (await data<{ recordUsageBatch: BatchAnswer }>(RECORD_BATCH, { input }, { key })).recordUsageBatch,
    );
  }
  const asLines = {
    body: events.map((event) => JSON.stringify(event)).join('\n'),
    headers: { 'content-type': 'application/x-ndjson' },
  };
  const options = request.way === 'lines' ? asLines : { body: { events } };
  return readItems(await ok<BatchAnswer>('POST', '/v1/usage', { key, ...options }));
}

/** Totals and their parts are read in one moment, whatever is written meanwhile. */
async function readWhole(world: World, server: number): Promise<void> {
  const path = `/v1/usage?start=${START}&end=${END}&interval=day&group_by=user,tag:env&limit=2`;
  const { totals, data } = await (world.calls[server] as Calls).ok<UsageSummaryAnswer>('GET', path);
  expect(data.reduce((sum, { requests }) => sum + requests, 0)).toBe(totals.requests);
}

async function runStep(world: World, step: readonly Request[], { bodies }: Script, ledger: ModelLedger): Promise<void> {
  const answered: Answered[] = [];
  const voided: { eventId: string; key: KeyName; status: number; usageId: string | null }[] = [];
  await Promise.all(
    step.map(async (request, number) => {
      if (request.kind === 'fold') return foldUsage(own);
      if (request.kind === 'price') return void (await Promise.all(pricers.map(({ price }) => price())));
      if (request.kind === 'read') return readWhole(world, request.server);
      const key = request.key;
      if (request.kind === 'void') {
        const event = ledger.events.get(`e-${request.id}`);
        if (!event) return;
        const { status, body } = await (world.calls[request.server] as Calls).rest<UsageEventAnswer>(
          'POST',
          `/v1/usage/${event.usageId}/void`,
          { key: world.keys[key].secret, body: { reason: 'a test' } },
        );
        voided.push({ eventId: event.eventId, key, status, usageId: body.id ?? null });
        return;
      }
      const outcomes = await record(world, request, bodies);
      request.attempts.forEach((attempt, at) => {
        const outcome = outcomes[at] as Outcome;
        answered.push({ request: number, attempt, body: bodies[attempt.body] as Body, key, outcome });
      });
    }),
  );
  // In a request its attempts were pushed in order.
  const isPricing = step.some(({ kind }) => kind === 'price');
  const before = new Set(ledger.events.keys());
  const voids = voided.filter(({ status }) => status === 201);
  ledger.addStep(answered, voids, isPricing);
  for (const [eventId, answers] of Map.groupBy(voided, (one) => one.eventId)) ledger.addVoids(eventId, answers);
  if (!isPricing) return;
  const costs = new Map((await readHistory(world.calls[0] as Calls)).map(({ id, cost }) => [id, cost]));
  ledger.addPricing(before, (usageId) => (costs.get(usageId) ?? null) !== null);
}

type HistoryEvent = UsageEventAnswer & {
  cache_read_tokens: number;
  cache_write_tokens: number;
  reasoning_tokens: number;
  voids: string | null;
};

async function readHistory({ ok }: Calls): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: ListAnswer<HistoryEvent> = await ok('GET', `/v1/usage/history?limit=7${cursor && `&cursor=${cursor}`}`);
    events.push(...page.data);
    cursor = page.next_cursor;
  }
  return events;
}

/** What history must say of an event. */
function toHistory(world: World, event: StoredEvent) {
  const {
    usageId,
    eventId,
    responseId,
    timeMs,
    provider,
    model,
    teamId,
    keyId,
    userId,
    tags,
    counts,
    cost,
    sign,
    voids,
  } = event;
  const signed = (count: number) => (count === 0 ? 0 : sign * count);
  return {
    id: usageId,
    event_id: eventId,
    response_id: responseId,
    timestamp: new Date(timeMs).toISOString(),
    provider,
    model,
    team_id: teamId && world.teams[teamId]?.id,
    api_key_id: world.keys[keyId as KeyName].id,
    user_id: userId,
    tags,
    requests: sign,
    input_tokens: signed(counts.input),
    output_tokens: signed(counts.output),
    cache_read_tokens: signed(counts.cacheRead),
    cache_write_tokens: signed(counts.cacheWrite),
    reasoning_tokens: signed(counts.reasoning),
    cost: cost === null ? null : decimalOf(BigInt(sign) * cost),
    original_cost: event.original === null ? null : decimalOf(BigInt(sign) * event.original),
    voids,
  };
}

async function checkHistory(world: World, ledger: ModelLedger): Promise<void> {
  const [byPages, streamed] = await Promise.all([
    readHistory(world.calls[0] as Calls),
    world.calls[1]?.rest<string>('GET', '/v1/usage/history', { headers: { accept: 'application/x-ndjson' } }),
  ]);
  const lines = streamed?.text.split('\n').filter((line) => line !== '') ?? [];
  expect(lines.map((line) => JSON.parse(line))).toEqual(byPages);
  const times = byPages.map(({ timestamp }) => Date.parse(timestamp));
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  const byId = <T extends { id: string }>(list: T[]) => list.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const expected = byId(ledger.list().map((event) => toHistory(world, event)));
  const names = Object.keys(expected[0] ?? {});
  const seen = byPages.map((event) =>
    Object.fromEntries(Object.entries(event).filter(([name]) => names.includes(name))),
  );
  expect(byId(seen as { id: string }[])).toEqual(expected);
}

type Naming = [groupBy: string, ofEvent: (event: StoredEvent) => unknown[]];

/** What is summed: by each dimension alone and some together. */
const namings = (world: World): Naming[] => [
  ['', () => []],
  ['model', ({ model }) => [model]],
  ['team,api_key', ({ teamId, keyId }) => [teamId && world.teams[teamId]?.id, world.keys[keyId as KeyName].id]],
  ['user', ({ userId }) => [userId]],
  ['tag:env', ({ tags }) => [tags.env ?? null]],
  ['tag:a b,provider,user', ({ tags, provider, userId }) => [tags['a b'] ?? null, provider, userId]],
];

async function checkTotals(world: World, ledger: ModelLedger): Promise<void> {
  const all = ledger.list();
  for (const [number, [groupBy, ofEvent]] of namings(world).entries()) {
    for (const zone of ZONES) {
      const query = new URLSearchParams({ start: START, end: END, timezone: zone, interval: 'day', limit: '1000' });
      if (groupBy) query.set('group_by', groupBy);
      const calls = world.calls[number % SERVERS] as Calls;
      const answer = await calls.ok<UsageSummaryAnswer>('GET', `/v1/usage?${query}`);
      const name = (timeMs: number, values: unknown[]) => JSON.stringify([unitName(timeMs, 'day', zone), ...values]);
      const ofRow = ({ start, group }: UsageGroupAnswer) =>
        name(
          Date.parse(start),
          groupBy.split(',').flatMap((dimension) => (dimension ? [group[dimension]] : [])),
        );
      expect(rowsBy(answer.data, ofRow)).toEqual(sumsBy(all, (event) => name(event.timeMs, ofEvent(event))));
      expect(answer.totals).toEqual(sumsOf(all));
    }
  }
}

const QUARTER_MS = 15 * 60_000;

/** The finest rollup, row by row, as it lies in the database. */
async function checkQuarterHours(world: World, ledger: ModelLedger): Promise<void> {
  const { rows } = await sql.query(
    `SELECT q.*, q.input_tokens + q.output_tokens AS total_tokens, trim_scale(q.cost)::text AS cost,
            s.provider, s.model, s.team_id, s.api_key_id
       FROM usage_quarter_hours q JOIN usage_series s ON s.organization_id = q.organization_id AND s.id = q.series_id
      WHERE q.organization_id = $1 AND (q.requests <> 0 OR q.input_tokens <> 0 OR q.output_tokens <> 0 OR q.cost <> 0)`,
    [world.organizationUuid],
  );
  const name = (timeMs: number, ...rest: unknown[]) =>
    JSON.stringify([new Date(Math.floor(timeMs / QUARTER_MS) * QUARTER_MS), ...rest]);
  const ofRow = (row: Record<'provider' | 'model' | 'team_id' | 'api_key_id', string> & { bucket: Date }) =>
    name(row.bucket.getTime(), row.provider, row.model, row.team_id, row.api_key_id);
  const ofEvent = ({ timeMs, provider, model, teamId, keyId }: StoredEvent) =>
    name(timeMs, provider, model, teamId && world.teams[teamId]?.uuid, world.keys[keyId as KeyName].uuid);
  expect(rowsBy(rows, ofRow)).toEqual(sumsBy(ledger.list(), ofEvent));
}

it('random requests in parallel, to two processes, come to what the ledger in the head comes to', async () => {
  await fc.assert(
    fc.asyncProperty(script, async (run) => {
      const world = await makeWorld();
      const ledger = new ModelLedger();
      for (const step of run.steps) await runStep(world, step, run, ledger);
      await checkHistory(world, ledger);
      await checkTotals(world, ledger);
      await checkQuarterHours(world, ledger);
      expect(await verifyUsage(own)).toEqual([]);
    }),
    // A failure is shown as small as it got by then.
    { numRuns: RUNS, interruptAfterTimeLimit: SHRINK_FOR_MS },
  );
}, 240_000);
