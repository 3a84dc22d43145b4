import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyBudgets } from '../../src/domain/budgets/verify-budgets.ts';
import { verifyCredits } from '../../src/domain/credits/verify-credits.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import { createTestApp, type TestApp } from '../harness/app.ts';
import { OPERATOR_KEY } from '../harness/operator-key.ts';
import { useTwoServers } from '../harness/processes/two-servers.ts';
import { type Pair, play } from './budgets-run.ts';
import { run } from './budgets-steps.ts';

// Random sequences, some of their requests at once, against an oracle that adds the whole ledger up
// again each time. METERR_TEST_RUNS=1000 for more of them, METERR_TEST_SEED for others,
// METERR_TEST_SHRINK=true to make a failure small.

const RUNS = Number(process.env.METERR_TEST_RUNS ?? 60);
const PROCESS_RUNS = Math.ceil(RUNS / 5);
const SEED = Number(process.env.METERR_TEST_SEED ?? 20_261_122);
const timeoutFor = (runs: number) => ({ timeout: 60_000 + runs * 5_000 });

const prove = (pair: Pair, numRuns: number, seed: number) =>
  fc.assert(
    fc.asyncProperty(run, (given) => play(pair, given)),
    { numRuns, seed, endOnFailure: process.env.METERR_TEST_SHRINK !== 'true' },
  );

describe('counters, credits and events are what the ledger says, whatever happens at once', () => {
  let apps: TestApp[];

  beforeAll(async () => {
    const env = { METERR_OPERATOR_KEY: OPERATOR_KEY };
    const first = await createTestApp({ through: 'fetch', env });
    apps = [first, await createTestApp({ through: 'fetch', env, connectionString: first.connectionString })];
  });

  afterAll(async () => {
    for (const app of apps.toReversed()) await app.close();
  });

  it(`in ${RUNS} random runs on two apps with their own pools and caches`, timeoutFor(RUNS), async () => {
    const [first] = apps;
    if (!first) throw new Error('two apps are open');
    const setNow = async (timeMs: number) => {
      for (const { clock } of apps) clock.set(timeMs);
    };
    await prove({ sql: first.sql, servers: apps, setNow }, RUNS, SEED);
    expect(apps.flatMap(({ logged }) => logged)).toEqual([]);
    const database = openDatabase({ connectionString: first.connectionString, connections: 1, onError: () => {} });
    const differences = [...(await verifyBudgets(database)), ...(await verifyCredits(database))];
    await database.close();
    expect(differences).toEqual([]);
  });
});

describe('and so they are', () => {
  const two = useTwoServers();

  it(`in ${PROCESS_RUNS} random runs on two server processes`, timeoutFor(PROCESS_RUNS), async () => {
    const { sql, server, setNow } = two();
    await prove({ sql, servers: [server(0), server(1)], setNow }, PROCESS_RUNS, SEED + 1);
  });
});
