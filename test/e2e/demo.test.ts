import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT, type Started, startMain } from '../harness/processes/npm-start.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';

const dataDir = join(SCRATCH_FOLDER, `demo-${process.pid}`);
const env = { METERR_DATA_DIR: dataDir, METERR_OPERATOR_KEY: 'operator-key-of-this-test' };
let server: Started;

beforeAll(async () => {
  server = await startMain(env);
}, 120_000);

afterAll(async () => {
  if (server) process.kill(server.serverPid, 'SIGTERM');
  await server?.ended;
}, 60_000);

/** Runs the demo as `npm run demo` does, with the same configuration as the server. */
async function runDemo(): Promise<string> {
  const { port } = new URL(server.url);
  const child = spawn(process.execPath, ['scripts/demo.ts'], {
    cwd: ROOT,
    env: { ...process.env, ...env, PORT: port },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const [code] = await once(child, 'close');
  expect({ code, output }).toEqual({ code: 0, output: expect.any(String) });
  return output;
}

async function get<T>(path: string, keyFile = 'api-key'): Promise<T> {
  const key = (await readFile(join(dataDir, keyFile), 'utf8')).trim();
  const response = await fetch(server.url + path, { headers: { authorization: `Bearer ${key}` } });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

async function eventTypes(keyFile?: string): Promise<string[]> {
  const { data } = await get<{ data: { event: string }[] }>('/v1/events?limit=100', keyFile);
  return [...new Set(data.map(({ event }) => event))].sort();
}

it('the demo follows PORT and the data folder, ends today, and raises events of budgets and credits', async () => {
  const before = new Date().toISOString().slice(0, 10);
  const output = await runDemo();
  expect(output).toContain(server.url);
  const days = await get<{ data: { start: string }[] }>(`/v1/usage?interval=day&start=${before}T00:00:00Z`);
  expect(days.data.length).toBeGreaterThan(0);
  const { data: budgets } = await get<{ data: unknown[] }>('/v1/budgets');
  expect(budgets).toHaveLength(3);
  expect(await eventTypes()).toEqual(expect.arrayContaining(['budget.threshold_reached', 'usage.exceeded']));
  expect(await eventTypes('demo-prepaid-key')).toEqual(['credits.exhausted', 'credits.low']);
  expect(output).toContain('refused with 402');
}, 120_000);

it('a second run adds no budget and no event to the log', async () => {
  const seen = async () => {
    const { data } = await get<{ data: { id: string }[] }>('/v1/budgets');
    return [data.map(({ id }) => id), await get('/v1/credits'), await eventTypes('demo-prepaid-key')];
  };
  const before = await seen();
  await runDemo();
  expect(await seen()).toEqual(before);
}, 120_000);
