import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BatchAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { EVENT } from '../harness/make.ts';
import { type Started, startMain } from '../harness/processes/npm-start.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';

const dataDir = join(SCRATCH_FOLDER, `two-${randomBytes(6).toString('hex')}`);
let database: TestDatabase;
let sql: pg.Pool;
let servers: Started[] = [];
let key: string;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Pool({ connectionString: database.connectionString, max: 2 });
  const env = { DATABASE_URL: database.connectionString, METERR_DATA_DIR: dataDir };
  servers = await Promise.all([startMain(env), startMain(env)]);
  key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
}, 120_000);

afterAll(async () => {
  for (const { serverPid } of servers) process.kill(serverPid, 'SIGTERM');
  await Promise.all(servers.map(({ ended }) => ended));
  await sql.end();
  await database.drop();
});

async function post(server: Started | undefined, body: object): Promise<{ status: number; text: string }> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const response = await fetch(`${server?.url}/v1/usage`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
}

it('two processes that start at once on an empty database make one organization, and both know its key', async () => {
  expect((await sql.query('SELECT count(*)::int AS count FROM organizations')).rows[0].count).toBe(1);
  for (const server of servers) {
    const response = await fetch(`${server.url}/v1/me`, { headers: { authorization: `Bearer ${key}` } });
    expect(response.status).toBe(200);
  }
});

it('the same id sent to both at once, again and again, is one event and one answer', async () => {
  const requests = Array.from({ length: 40 }, (_, i) => post(servers[i % 2], { ...EVENT, id: 'to both' }));
  const answers = await Promise.all(requests);
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(39).fill(200), 201]);
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
});

it('batches that overlap, sent to both at once, lose and double nothing', async () => {
  const batch = (from: number) => ({
    events: Array.from({ length: 100 }, (_, i) => ({ ...EVENT, id: `b-${from + i}` })),
  });
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, i) => post(servers[i % 2], batch(Math.floor(i / 2) * 50))),
  );
  const results = answers.map(({ text }) => JSON.parse(text) as BatchAnswer);
  const sum = (name: 'created' | 'duplicates') => results.reduce((total, result) => total + result[name], 0);
  expect({ created: sum('created'), duplicates: sum('duplicates') }).toEqual({ created: 350, duplicates: 850 });
  for (const server of servers) {
    const response = await fetch(`${server.url}/v1/usage`, { headers: { authorization: `Bearer ${key}` } });
    const { totals } = (await response.json()) as UsageSummaryAnswer;
    expect(totals).toMatchObject({ requests: 351, cost: '2.6325' });
  }
});
