import { randomBytes } from 'node:crypto';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import pg from 'pg';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { openRaw } from '../harness/live-client.ts';
import { type MainProcess, startMain } from '../harness/processes/main-process.ts';
import { type NodeProcess, startNode } from '../harness/processes/node-process.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';
import { startLoad } from '../harness/usage-load.ts';
import { waitUntil } from '../harness/wait-until.ts';
import { expectNothingLost } from './db-load.ts';

// A newer version starts beside an older one, on the same database, while the older one records.

const ROOT = join(import.meta.dirname, '../..');
const TIMEOUT_MS = 120_000;
const MIGRATION = '99990101000000_newer';
/** What the newer version is: the same code, with one more migration. */
const newer = join(SCRATCH_FOLDER, `newer-${randomBytes(6).toString('hex')}`);
const dataDir = `${newer}-data`;
let database: TestDatabase;
const running: (MainProcess | NodeProcess)[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  await rm(newer, { recursive: true, force: true });
  await mkdir(newer, { recursive: true });
  for (const part of ['src', 'prisma', 'prices', 'package.json', 'openapi.json', 'schema.graphql']) {
    await cp(join(ROOT, part), join(newer, part), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(newer, 'node_modules'));
  return async () => {
    for (const one of running.splice(0)) {
      if ('stop' in one) await one.stop();
      else {
        one.signal('SIGTERM');
        await one.ended;
      }
    }
    await database.drop();
  };
}, TIMEOUT_MS);
afterAll(async () => {
  for (const folder of [newer, dataDir]) await rm(folder, { recursive: true, force: true });
});

async function addMigration(sql: string): Promise<void> {
  await mkdir(join(newer, 'prisma/migrations', MIGRATION), { recursive: true });
  await writeFile(join(newer, 'prisma/migrations', MIGRATION, 'migration.sql'), sql);
}

/** Both functions that record get another signature, in the newer version and its migration. */
const CHANGES = [
  { name: 'record_usage', from: 'are_new', to: 'all_new', caller: 'write-events.ts' },
  { name: 'record_one', from: 'new_time', to: 'new_moment', caller: 'write-lone-event.ts' },
];

/** Returns the statements of the migration. */
async function renameParameter({ name, from, to, caller }: (typeof CHANGES)[number]): Promise<string> {
  const [code, sql] = [join(newer, 'src/domain/usage/write', caller), join(newer, 'prisma/functions', `${name}.sql`)];
  await writeFile(code, (await readFile(code, 'utf8')).replace(`['${from}',`, `['${to}',`));
  return `DROP FUNCTION ${name};\n${(await readFile(sql, 'utf8')).replaceAll(new RegExp(`\\b${from}\\b`, 'g'), to)}`;
}

async function startOlder(): Promise<MainProcess> {
  const main = await startMain({ DATABASE_URL: database.connectionString, METERR_DATA_DIR: dataDir });
  running.push(main);
  return main;
}

/** Resolves with its address. */
async function startNewer(): Promise<string> {
  const script = join(relative(ROOT, newer), 'src/main.ts');
  const env = { DATABASE_URL: database.connectionString, METERR_DATA_DIR: dataDir };
  const main = startNode(script, { ...env, PORT: '0', METERR_LOG_LEVEL: 'warn', METERR_DRAIN_SECONDS: '0' });
  running.push(main);
  let url = '';
  await waitUntil(`the newer version serves: ${main.output()}`, () => {
    url = /serves at (http:\S+)/.exec(main.output())?.[1] ?? '';
    return url !== '';
  });
  return url;
}

const keyOf = async () => (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();

it(
  'a changed function under load: what the older one acknowledged is there, and all else was 503 with Retry-After',
  async () => {
    const changed = await Promise.all(CHANGES.map(renameParameter));
    await addMigration(`${changed.join('\n')}\nSELECT pg_sleep(0.5);`);

    const older = await startOlder();
    const key = await keyOf();
    let url = older.url;
    const load = startLoad(randomBytes(3).toString('hex'), async () => ({ url, key }));
    await load.acknowledged(50);
    const newerUrl = await startNewer();
    await waitUntil('the older one is not ready', async () => {
      return (await fetch(`${older.url}/health/ready`)).status === 503;
    });
    const startedMs = performance.now();
    url = newerUrl;
    await load.acknowledged(200);
    const report = await load.stop();
    const acknowledged = await expectNothingLost(database.connectionString, report);
    const seen = JSON.stringify(report.failures);
    console.info(
      `upgrade: ${acknowledged} acknowledged, 0 missing, refused ${seen}, ${performance.now() - startedMs} ms`,
    );

    expect((await fetch(`${older.url}/health/live`)).status).toBe(200);
    for (const path of ['/v1/me', '/graphql', '/docs', '/']) {
      const answer = await fetch(`${older.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
      expect([path, answer.status, answer.headers.get('retry-after')]).toEqual([path, 503, '5']);
      expect(await answer.text()).toContain('older than its database');
    }
    const told = older
      .output()
      .split('\n')
      .filter((line) => line.includes('a newer Meterr has migrated'));
    expect(told).toEqual([expect.stringContaining(MIGRATION)]);
    expect(older.output()).not.toContain('unexpected error');
    expect(await older.stop()).toBe(0);
  },
  TIMEOUT_MS,
);

it(
  'a migration that lets older processes go on: they do, and start',
  async () => {
    await addMigration('-- meterr: older processes keep working\nCREATE TABLE more (id int);');
    const first = await startOlder();
    await startNewer();
    const second = await startOlder();
    const headers = { authorization: `Bearer ${await keyOf()}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ provider: 'openai', model: 'gpt-4o', input_tokens: 1, output_tokens: 1 });
    for (const { url } of [first, second]) {
      expect((await fetch(`${url}/v1/usage`, { method: 'POST', headers, body })).status).toBe(201);
    }
  },
  TIMEOUT_MS,
);

it(
  'another tool that migrates: the older one notices by itself, and its sockets end',
  async () => {
    const older = await startOlder();
    const socket = await openRaw(older.port, await keyOf());
    const client = new pg.Client({ connectionString: database.connectionString });
    await client.connect();
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('1', '', $1, now())`,
      [MIGRATION],
    );
    await client.end();
    await waitUntil('it is not ready', async () => (await fetch(`${older.url}/health/ready`)).status === 503);
    const answer = await fetch(`${older.url}/v1/usage`, { method: 'POST', body: '{}' });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await socket.closed).toBe(1001);
    await expect(openRaw(older.port, await keyOf())).rejects.toThrow('Unexpected server response: 503');
  },
  TIMEOUT_MS,
);
