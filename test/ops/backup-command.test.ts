import { randomBytes, randomInt } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { formatId } from '../../src/platform/ids.ts';
import { listTables } from '../../src/platform/postgres/backup/list-tables.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { keepRecording } from '../harness/keep-recording.ts';
import { type MainProcess, startMain } from '../harness/processes/main-process.ts';
import { startNode } from '../harness/processes/node-process.ts';
import { removeClusters } from '../harness/processes/remove-clusters.ts';
import { waitUntil } from '../harness/wait-until.ts';
import { readEverything } from './backup-any-rows.ts';

// npm run backup and npm run restore, in processes of their own beside a server that records.

const KILLS = 2;
const TIMEOUT_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), 'meterr-backup-'));
const dataDir = join(folder, 'server');
/** What a small database is too: rows for a second or so of copying. */
const FILLER = 60_000;
const FILL = `
  INSERT INTO retired_usage_events
  SELECT o.id, 'filler-' || n, gen_random_uuid(), sha256(n::text::bytea), now(), n
    FROM organizations o, generate_series(1, ${FILLER}) n`;

let source: TestDatabase;
let backup: string;
let key: string;
let before: string[];
const made: string[] = [];
const servers: MainProcess[] = [];

async function onServer(text: string, database?: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(database ?? inject('postgresUrl'));
  await client.connect();
  return (await client.query(text).finally(() => client.end())).rows;
}

async function emptyDatabase(): Promise<string> {
  const name = `restored_${randomBytes(6).toString('hex')}`;
  await onServer(`CREATE DATABASE ${name}`);
  made.push(name);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return url.href;
}

/** Runs it to its end. */
async function run(script: string, env: Record<string, string>, ...args: string[]) {
  const command = startNode(script, { METERR_DATA_DIR: join(folder, 'none'), ...env }, args);
  const code = await command.ended;
  return { code, output: command.output() };
}

async function everythingIn(url: string): Promise<Record<string, unknown>> {
  const client = new pg.Client(url);
  await client.connect();
  const tables = (await listTables(client, ['20261128000000_baseline'])).map(({ name }) => name);
  return readEverything(client, tables).finally(() => client.end());
}

async function call<T>(main: MainProcess, path: string, body?: object): Promise<{ status: number; json: T }> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const options = body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers };
  const response = await fetch(`${main.url}${path}`, options);
  return { status: response.status, json: (await response.json()) as T };
}

async function serve(url: string): Promise<MainProcess> {
  const main = await startMain({ DATABASE_URL: url, METERR_DATA_DIR: dataDir });
  servers.push(main);
  return main;
}
const EVENT = { provider: 'openai', model: 'gpt-4o', input_tokens: 1000, output_tokens: 500 };

beforeAll(async () => {
  mkdirSync(dataDir);
  source = await createTestDatabase();
  const main = await serve(source.connectionString);
  key = readFileSync(join(dataDir, 'api-key'), 'utf8').trim();
  await onServer(FILL, source.connectionString);
  expect((await call(main, '/v1/budgets', { name: 'All', amount: '1000', period: 'month' })).status).toBe(201);
  const hold = { provider: 'openai', model: 'gpt-4o', input_tokens: 100, max_output_tokens: 100 };
  expect((await call(main, '/v1/usage/holds', hold)).status).toBe(201);
  const load = keepRecording(main.port, key, 'load', 4);
  await waitUntil('events are acknowledged', () => load.acknowledged() > 100);
  backup = join(folder, 'backup.tar.zst');
  const running = run('src/backup.ts', { DATABASE_URL: source.connectionString }, backup);
  await waitUntil('it has begun to write', () => readdirSync(folder).some((name) => name.endsWith('.partial')));
  const during = load.acknowledged();
  const { code, output } = await running;
  expect(output).toMatch(
    /^Backed up the database \S+ on \S+ to \S+: [\d,]+ rows of \d+ tables, [\d,]+ bytes, [\d.]+ s\.\n$/,
  );
  expect(code).toBe(0);
  await waitUntil('recording has gone on', () => load.acknowledged() > during + 50);
  await main.kill();
  before = [...(await load.ended).acknowledged.keys()].slice(0, 100);
}, TIMEOUT_MS);

afterAll(async () => {
  for (const server of servers) await server.kill();
  for (const name of made) await onServer(`DROP DATABASE ${name} WITH (FORCE)`);
  await source?.drop();
  await removeClusters(folder);
  rmSync(folder, { recursive: true, force: true });
});

it(
  'a backup beside a server that records has all that was acknowledged before; what is restored goes on where it was',
  async () => {
    const url = await emptyDatabase();
    const { code, output } = await run('src/restore.ts', { DATABASE_URL: url }, backup);
    expect(output).toMatch(/^Restored \S+ into the database \S+ on \S+: .* rows .*; every sum equals its ledger\.\n$/);
    expect(code).toBe(0);
    const ids = (await onServer('SELECT event_id, position::int FROM usage_events ORDER BY position', url)) as {
      event_id: string;
      position: number;
    }[];
    const restored = new Set(ids.map(({ event_id }) => event_id));
    expect(before.filter((id) => !restored.has(id))).toEqual([]);

    const main = await serve(url);
    const usage = await call<{ totals: { requests: number } }>(main, '/v1/usage?start=2020-01-01T00:00:00Z');
    expect(usage.json.totals.requests).toBe(ids.length);
    expect((await call(main, '/v1/usage', { ...EVENT, id: before[0], input_tokens: 7 })).status).toBe(409);
    expect((await call(main, '/v1/usage', { ...EVENT, id: 'new' })).status).toBe(201);
    const last = await onServer(`SELECT position::int FROM usage_events WHERE event_id = 'new'`, url);
    expect(Number(last[0]?.position)).toBeGreaterThan(ids.at(-1)?.position ?? Number.NaN);
    // The hold that was open still reserves, and is released as it would have been there.
    const [held] = await onServer('SELECT id, held > 0 AS reserves FROM holds, budget_counters', url);
    expect(held?.reserves).toBe(true);
    const released = await fetch(`${main.url}/v1/usage/holds/${formatId('hold', String(held?.id))}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${key}` },
    });
    expect(released.ok).toBe(true);
    expect(await onServer('SELECT held > 0 AS reserves FROM budget_counters', url)).toEqual([{ reserves: false }]);
    expect(await main.stop()).toBe(0);
    expect((await run('src/verify.ts', { DATABASE_URL: url })).output).toBe('Every sum equals its ledger.\n');
  },
  TIMEOUT_MS,
);

describe('killed at any moment', () => {
  it(
    'a backup leaves no file of its name',
    async () => {
      for (let kill = 0; kill < KILLS; kill++) {
        const path = join(folder, `killed-${kill}.tar.zst`);
        const killed = startNode('src/backup.ts', { DATABASE_URL: source.connectionString }, [path]);
        await waitUntil('it writes', () => readdirSync(folder).some((name) => name.startsWith(`killed-${kill}`)));
        await pause(randomInt(60));
        killed.signal('SIGKILL');
        await killed.ended;
        const left = readdirSync(folder).filter((name) => name.startsWith(`killed-${kill}`));
        // It may have been done before; else what is left says that it is not.
        if (!existsSync(path)) expect(left).toEqual([expect.stringMatching(/\.partial$/)]);
        for (const name of left.filter((one) => one.endsWith('.partial'))) {
          const { code, output } = await run(
            'src/restore.ts',
            { DATABASE_URL: await emptyDatabase() },
            join(folder, name),
          );
          expect([code, output]).toEqual([
            1,
            expect.stringMatching(/^Not restored: \S+ is not (whole|a backup)[^\n]+\n$/),
          ]);
        }
      }
    },
    TIMEOUT_MS,
  );

  it(
    'a restore leaves no row, and can be run again: the same rows as the backup of the first',
    async () => {
      const url = await emptyDatabase();
      for (let kill = 0; kill < KILLS; kill++) {
        const killed = startNode('src/restore.ts', { DATABASE_URL: url }, [backup]);
        await waitUntil('it loads', async () => {
          const text = `SELECT FROM pg_stat_activity WHERE datname = '${new URL(url).pathname.slice(1)}' AND query LIKE 'COPY%'`;
          return (await onServer(text)).length > 0;
        });
        await pause(randomInt(80));
        killed.signal('SIGKILL');
        await killed.ended;
        const rows = await onServer('SELECT FROM organizations UNION ALL SELECT FROM retired_usage_events', url);
        expect(rows).toEqual([]);
      }
      expect((await run('src/restore.ts', { DATABASE_URL: url }, backup)).code).toBe(0);
      const again = join(folder, 'again.tar.zst');
      expect((await run('src/backup.ts', { DATABASE_URL: url }, again)).code).toBe(0);
      const other = await emptyDatabase();
      expect((await run('src/restore.ts', { DATABASE_URL: other }, again)).code).toBe(0);
      expect(await everythingIn(other)).toEqual(await everythingIn(url));
    },
    TIMEOUT_MS,
  );

  it('SIGINT ends a backup with one line, and nothing is left of it', async () => {
    const path = join(folder, 'interrupted.tar.zst');
    const stopped = startNode('src/backup.ts', { DATABASE_URL: source.connectionString }, [path]);
    await waitUntil('it writes', () => readdirSync(folder).some((name) => name.startsWith('interrupted')));
    stopped.signal('SIGINT');
    const code = await stopped.ended;
    if (code === 0) return;
    expect([code, stopped.output()]).toEqual([1, 'Interrupted by SIGINT: no backup was made.\n']);
    expect(readdirSync(folder).filter((name) => name.startsWith('interrupted'))).toEqual([]);
  });
});

describe('the embedded database', () => {
  // Under root, a folder that the user of PostgreSQL cannot enter: the data is in /var/lib/meterr.
  it.each([
    ['in its folder', 0o755],
    ['where PostgreSQL cannot enter the folder', 0o700],
  ])(
    'is filled, verified, backed up while nothing runs, and not filled twice: %s',
    async (_, mode) => {
      const parent = mkdtempSync(join(folder, 'embedded-'));
      chmodSync(folder, 0o755);
      chmodSync(parent, mode);
      const env = { METERR_DATA_DIR: join(parent, 'data') };
      const restored = await run('src/restore.ts', env, backup);
      expect(restored.output).toMatch(/^Restored \S+ into the database in \S+: .*; every sum equals its ledger\.\n$/);
      expect(restored.code).toBe(0);
      const twice = await run('src/restore.ts', env, backup);
      expect(twice).toEqual({
        code: 1,
        output: expect.stringMatching(/^Not restored: The database in \S+ is not empty/),
      });
      expect(await run('src/backup.ts', env, parent)).toMatchObject({ code: 0 });
      const [name = ''] = readdirSync(parent).filter((one) => one.startsWith('meterr-backup-'));
      expect(name).toMatch(/^meterr-backup-\d{8}T\d{6}Z\.tar\.zst$/);
      expect(statSync(join(parent, name)).mode & 0o777).toBe(0o600);
      expect(await run('src/verify.ts', env)).toEqual({ code: 0, output: 'Every sum equals its ledger.\n' });
    },
    TIMEOUT_MS,
  );
});
