import { randomBytes } from 'node:crypto';
import { mkdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres/embedded-postgres.ts';
import { findPostmaster } from '../../src/platform/embedded-postgres/embedded-postgres-server.ts';
import { formatId } from '../../src/platform/ids.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import type { UsageSummaryAnswer } from '../harness/answers.ts';
import { createCalls, socketDoor } from '../harness/calls.ts';
import { type MainProcess, startMain } from '../harness/processes/main-process.ts';
import { removeClusters } from '../harness/processes/remove-clusters.ts';
import { type LoadReport, startLoad } from '../harness/usage-load.ts';
import { waitUntil } from '../harness/wait-until.ts';

// What was answered 2xx is on disk: whatever is killed under load, and however often.
// METERR_TEST_KILLS=50 for long.

const KILLS = Number(process.env.METERR_TEST_KILLS ?? 5);
const TIMEOUT_MS = 60_000 + KILLS * 20_000;
/** A data folder of its own, with the settings of production: commits are synced. */
const dataDir = join(import.meta.dirname, '../../.meterr/test', `durability-${randomBytes(6).toString('hex')}`);
const env = { METERR_DATA_DIR: dataDir };

/** The server; while it is being started anew, whoever asks for it waits. */
let serving: Promise<MainProcess>;
let key: string;
let recorded = 0;

beforeAll(async () => {
  await mkdir(dataDir, { recursive: true });
});

beforeEach(async () => {
  serving = startMain(env);
  await serving;
  key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
}, TIMEOUT_MS);

afterAll(async () => {
  await (await serving).kill();
  await removeClusters(dataDir);
}, TIMEOUT_MS);

const target = async () => ({ url: (await serving).url, key });

/** Kills come at any moment between few and many requests. */
const fewOrMany = (kill: number) => 1 + ((kill * 37) % 90);

async function postmasterPid(): Promise<number | null> {
  const folder = await realpath(join(dataDir, 'postgres'));
  // Only ever the one that works in this test's own data folder.
  return (await findPostmaster({ folder, user: null }))?.pid ?? null;
}

/** Holds what was acknowledged against the ledger, then the ledger against every sum. */
async function checkAll(report: LoadReport): Promise<void> {
  const postgres = await startEmbeddedPostgres({ dataDir });
  const { connectionString } = postgres;
  const database = openDatabase({ connectionString, connections: 2, onError: () => {} });
  try {
    const { rows } = await database.pool.query<{ id: string; event_id: string; user_id: string | null }>(
      'SELECT id, event_id, user_id FROM usage_events ORDER BY position OFFSET $1',
      [recorded],
    );
    recorded += rows.length;
    const stored = rows.map(({ id, ...row }) => ({ ...row, usageId: formatId('usageEvent', id) }));
    const byEventId = Map.groupBy(stored, ({ event_id }) => event_id);
    const byUser = Map.groupBy(stored, ({ user_id }) => user_id);
    const acknowledged = [...report.byEventId, ...[...report.byUser].filter(([, usageId]) => usageId !== null)];
    const storedUnder = (name: string) => byEventId.get(name) ?? byUser.get(name) ?? [];
    const missing = acknowledged.filter(([name, id]) => !storedUnder(name).some(({ usageId }) => usageId === id));
    const sent = [...report.byEventId.keys(), ...report.byUser.keys()];
    const doubled = sent.filter((name) => storedUnder(name).length > 1);
    if (process.env.METERR_TEST_KILLS) {
      const { repeats, failures } = report;
      const counts = { missing: missing.length, doubled: doubled.length, repeats, failures };
      console.info(`${KILLS} kills: ${JSON.stringify({ acknowledged: acknowledged.length, ...counts })}`);
    }
    // Whatever fails says that it may be sent again.
    const others = Object.keys(report.failures).filter((kind) => kind !== 'network' && !/ unavailable$/.test(kind));
    expect(others).toEqual([]);
    expect({ missing, doubled }).toEqual({ missing: [], doubled: [] });
    // Nothing is stored that nobody has sent, and what was sent until it was answered is there.
    const unanswered = [...report.byUser.keys()].filter((user) => report.byUser.get(user) === null);
    const strangers = stored.length - acknowledged.length - unanswered.flatMap(storedUnder).length;
    expect(strangers).toBe(0);
    expect(await verifyUsage(database)).toEqual([]);
    const { ok } = createCalls(socketDoor((await serving).port), key);
    expect((await ok<UsageSummaryAnswer>('GET', '/v1/usage')).totals.requests).toBe(recorded);
  } finally {
    await database.close();
    await postgres.stop();
  }
}

it(
  `the server killed ${KILLS} times under load: nothing that was acknowledged is lost or doubled`,
  async () => {
    const load = startLoad('server', target);
    for (let kill = 0; kill < KILLS; kill++) {
      await load.acknowledged(fewOrMany(kill));
      const killed = (await serving).kill();
      serving = killed.then(() => startMain(env));
      await serving;
    }
    await load.acknowledged(1);
    const report = await load.stop();
    expect(report.failures.network).toBeGreaterThan(0);
    await checkAll(report);
    expect(await (await serving).stop()).toBe(0);
  },
  TIMEOUT_MS,
);

it(
  `PostgreSQL killed ${KILLS} times under load: the server brings it back by itself, and nothing is lost or doubled`,
  async () => {
    const load = startLoad('postgres', target);
    let killed: number | null = null;
    const isBack = async () => ![null, killed].includes(await postmasterPid());
    for (let kill = 0; kill < KILLS; kill++) {
      await waitUntil('PostgreSQL is back', isBack);
      await load.acknowledged(fewOrMany(kill));
      killed = await postmasterPid();
      process.kill(killed ?? 0, 'SIGKILL');
    }
    await waitUntil('PostgreSQL is back', isBack);
    await load.acknowledged(1);
    const report = await load.stop();
    await checkAll(report);
    // It was the same process all along.
    expect(await (await serving).stop()).toBe(0);
    // It had started PostgreSQL several times, and stops the last one.
    expect(await postmasterPid()).toBeNull();
  },
  TIMEOUT_MS,
);
