import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ListAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { type Calls, createCalls, socketDoor } from '../harness/calls.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type MainProcess, startMain } from '../harness/processes/main-process.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';
import { OPENAI_ANSWER, OPENAI_USAGE, type OpenaiServer, startOpenaiServer } from './openai-server.ts';

// Each file of examples/ as a newcomer runs it: in a process of its own, against a server in
// another.

const ROOT = join(import.meta.dirname, '../..');
const dataDir = join(SCRATCH_FOLDER, `examples-${randomBytes(6).toString('hex')}`);
/** 176 tokens at 0.15, 1,024 from the cache at 0.075 and 300 of output at 0.60 USD a million. */
const OPENAI_COST = '0.0002832';

type HeldEvent = UsageEventAnswer & { hold_id: string | null };

interface BudgetAnswer {
  id: string;
  spent: string;
  held: string;
  matched_events: number;
}

let database: TestDatabase;
let server: MainProcess;
let meterr: Calls;
let key: string;
let openai: OpenaiServer;

beforeAll(async () => {
  database = await createTestDatabase();
  await mkdir(dataDir, { recursive: true });
  server = await startMain({ DATABASE_URL: database.connectionString, METERR_DATA_DIR: dataDir });
  key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
  meterr = createCalls(socketDoor(server.port), key);
  openai = await startOpenaiServer();
});

afterAll(async () => {
  await openai?.close();
  await server?.stop();
  await rm(dataDir, { recursive: true, force: true });
  await database?.drop();
});

/** Runs an example to its end. */
async function run(command: string, name: string, env: Record<string, string> = {}) {
  const child = spawn(command, [`examples/${name}`], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      METERR_URL: server.url,
      KEY: key,
      OPENAI_BASE_URL: openai.url,
      OPENAI_API_KEY: 'sk-test',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, 'close');
  return { code, output };
}

async function history(filter: string): Promise<HeldEvent[]> {
  const page = await meterr.ok<ListAnswer<HeldEvent>>('GET', `/v1/usage/history?${filter}`);
  return page.data;
}

const makeBudget = (userId: string, amount: string) =>
  meterr.ok<BudgetAnswer>('POST', '/v1/budgets', {
    body: { name: `Of ${userId}`, amount, period: 'total', scope: { user_id: userId }, action: 'block' },
  });
const budgetNow = ({ id }: BudgetAnswer) => meterr.ok<BudgetAnswer>('GET', `/v1/budgets/${id}`);

it('every example is run here, and is in the table of its README', async () => {
  const names = (await readdir(join(ROOT, 'examples'))).filter((name) => name !== 'README.md').sort();
  expect(names).toEqual(['curl.sh', 'holds.ts', 'openai-stream.ts', 'otlp.ts']);
  const readme = await readFile(join(ROOT, 'examples/README.md'), 'utf8');
  for (const name of names) expect(readme).toContain(`| [${name}](${name}) |`);
});

const missing = ['bash', 'curl'].filter((tool) => spawnSync(tool, ['--version']).error);
if (missing.length > 0) console.warn(`examples/curl.sh is not run: this machine has no ${missing.join(' and no ')}`);

it.skipIf(missing.length > 0)('curl.sh: a repeat counts once, and a bad event of a batch stops no other', async () => {
  const { code, output } = await run('bash', 'curl.sh');
  expect(code, output).toBe(0);
  expect([...output.matchAll(/^(\d{3})$/gm)].map(([, status]) => status)).toEqual(['201', '200', '200', '200']);
  const tag = /"tags":\{"run":"(curl-[^"]+)"\}/.exec(output)?.[1] ?? '';
  const { totals } = await meterr.ok<UsageSummaryAnswer>('GET', `/v1/usage?tag.run=${tag}`);
  expect(totals).toMatchObject({ requests: 2, input_tokens: 8_000, output_tokens: 1_000, cost: '0.0198' });
  expect(output).toContain('"created":1,"duplicates":0,"conflicts":0,"invalid":1');
  expect(output).toContain(JSON.stringify(totals));
});

it('openai-stream.ts: prints the answer, and records what the last chunk says', async () => {
  const { code, output } = await run(process.execPath, 'openai-stream.ts');
  expect(code, output).toBe(0);
  expect(openai.requests.at(-1)).toMatchObject({
    path: '/v1/chat/completions',
    body: { model: 'gpt-4o-mini', stream: true, stream_options: { include_usage: true } },
  });
  const events = await history('tag.feature=chat');
  expect(events).toHaveLength(1);
  expect(events[0]).toMatchObject({
    provider: 'openai',
    model: 'gpt-4o-mini-2024-07-18',
    service_tier: 'standard',
    input_tokens: OPENAI_USAGE.prompt_tokens,
    cache_read_tokens: OPENAI_USAGE.prompt_tokens_details.cached_tokens,
    output_tokens: OPENAI_USAGE.completion_tokens,
    cost: OPENAI_COST,
    cost_source: 'catalog',
    warnings: [],
  });
  expect(output).toBe(`${OPENAI_ANSWER}\nRecorded ${events[0]?.id}: 1500 tokens, ${OPENAI_COST} USD\n`);
});

it('otlp.ts: a span becomes an event with its own id, tags and price', async () => {
  const { code, output } = await run(process.execPath, 'otlp.ts');
  expect(code, output).toBe(0);
  const events = await history('provider=anthropic&tag.service=checkout');
  expect(events).toHaveLength(1);
  expect(events[0]).toMatchObject({
    model: 'claude-sonnet-4-5-20250929',
    input_tokens: 7_000,
    cache_read_tokens: 6_000,
    output_tokens: 500,
    tags: { service: 'checkout', env: 'production' },
    cost: '0.0123',
  });
  expect(output).toBe(`Recorded the span as event ${events[0]?.event_id}\n`);
});

it('holds.ts: the call settles its hold, with what it really cost', async () => {
  const budget = await makeBudget('settles', '1');
  const { code, output } = await run(process.execPath, 'holds.ts', { USER_ID: 'settles' });
  expect(code, output).toBe(0);
  const [, reserved, holdId] = /^Reserved (\S+) USD as (hold_\w+)$/m.exec(output) ?? [];
  // 20 letters and the frame at 0.15, 800 tokens at 0.60 USD a million.
  expect(reserved).toBe('0.0004854');
  const events = await history('user_id=settles');
  expect(events).toHaveLength(1);
  expect(events[0]).toMatchObject({ hold_id: holdId, cost: OPENAI_COST });
  expect(output).toContain(`Settled by ${events[0]?.id}: ${OPENAI_COST} USD\n`);
  expect(await budgetNow(budget)).toMatchObject({ spent: OPENAI_COST, held: '0', matched_events: 1 });
});

it('holds.ts: where the budget has no room, it says which, and nothing is called', async () => {
  const budget = await makeBudget('refused', '0.0001');
  const callsBefore = openai.requests.length;
  const { code, output } = await run(process.execPath, 'holds.ts', { USER_ID: 'refused' });
  expect(code, output).toBe(0);
  expect(output).toMatch(new RegExp(`^Refused \\(budget_exceeded\\): .*${budget.id}.*\n$`));
  expect(openai.requests).toHaveLength(callsBefore);
  expect(await budgetNow(budget)).toMatchObject({ spent: '0', held: '0' });
});

it('holds.ts: a call that fails gives back what it had reserved', async () => {
  const budget = await makeBudget('fails', '1');
  openai.fail();
  const { code, output } = await run(process.execPath, 'holds.ts', { USER_ID: 'fails' });
  expect(code).toBe(1);
  expect(output).toMatch(/^Released hold_\w+$/m);
  expect(output).toContain('OpenAI answered 503');
  expect(await budgetNow(budget)).toMatchObject({ spent: '0', held: '0' });
  expect(await history('user_id=fails')).toEqual([]);
});
