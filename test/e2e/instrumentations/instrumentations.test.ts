import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatMoney, parseMoney } from '../../../src/platform/money.ts';
import type { ListAnswer, UsageEventAnswer } from '../../harness/answers.ts';
import { type Calls, createCalls, socketDoor } from '../../harness/calls.ts';
import { createTestDatabase, type TestDatabase } from '../../harness/database.ts';
import { type MainProcess, startMain } from '../../harness/processes/main-process.ts';
import { SCRATCH_FOLDER } from '../../harness/test-run.ts';
import { type ModelProvider, type SaidCall, startModelProvider } from './model-provider.ts';

// Real instrumentations call a provider of ours and export to a server, as the README says: what it
// counts and charges is what the provider said, once for each call. `.ci/instrumentations` installs
// them, and `.ci/run --full` runs it; where one is missing, its test is skipped and says so.

const ROOT = join(import.meta.dirname, '../../..');
const PROGRAMS = join(import.meta.dirname, 'programs');
const AI = join(ROOT, '.meterr/ai');
const MAX_MS = 50_000;
const run = promisify(execFile);

interface Instrumentation {
  name: string;
  /** What must be there. */
  needs: string;
  command(): Promise<[command: string, program: string]>;
}

function python(name: string, venv: string, program: string): Instrumentation {
  const needs = join(ROOT, '.meterr/venvs', venv, 'bin/python');
  return { name, needs, command: async () => [needs, join(PROGRAMS, program)] };
}

const INSTRUMENTATIONS: readonly Instrumentation[] = [
  python('opentelemetry-instrumentation-openai', 'openllmetry', 'openllmetry.py'),
  python('openinference-instrumentation-openai', 'openinference', 'openinference_openai.py'),
  python('pydantic-ai', 'pydantic-ai', 'pydantic_agents.py'),
  python('litellm with its otel callback, sync and async', 'litellm', 'litellm_callback.py'),
  {
    name: 'the Vercel AI SDK',
    needs: join(AI, 'node_modules/ai/package.json'),
    async command() {
      const program = join(AI, 'ai-sdk.mjs');
      await copyFile(join(PROGRAMS, 'ai-sdk.mjs'), program);
      return [process.execPath, program];
    },
  },
];

/** USD for a million tokens, since the beginning of 2026. */
const PRICES = new Map([
  ['gpt-4o-mini-2024-07-18', { input: '0.15', cacheRead: '0.075', cacheWrite: '0', output: '0.60' }],
  ['text-embedding-3-small', { input: '0.02', cacheRead: '0', cacheWrite: '0', output: '0' }],
  ['claude-haiku-4-5-20251001', { input: '1', cacheRead: '0.10', cacheWrite: '1.25', output: '5' }],
]);

function costOf(call: SaidCall): string | null {
  const price = PRICES.get(call.model);
  if (!price || !call.isTold) return null;
  const { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens } = call;
  const parts: [number, string][] = [
    [input_tokens - cache_read_tokens - cache_write_tokens, price.input],
    [cache_read_tokens, price.cacheRead],
    [cache_write_tokens, price.cacheWrite],
    [output_tokens, price.output],
  ];
  const total = parts.reduce((sum, [tokens, perMillion]) => sum + BigInt(tokens) * (parseMoney(perMillion) ?? 0n), 0n);
  return formatMoney(total / 1_000_000n);
}

function expected(call: SaidCall) {
  const { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, isTold } = call;
  const counts = isTold ? [input_tokens, output_tokens, cache_read_tokens, cache_write_tokens] : [0, 0, 0, 0];
  return [...counts, costOf(call)];
}

type CachedEvent = UsageEventAnswer & { cache_read_tokens: number; cache_write_tokens: number };

let database: TestDatabase;
let server: MainProcess;
let meterr: Calls;
let key: string;
let provider: ModelProvider;
const dataDir = join(SCRATCH_FOLDER, `instrumentations-${randomBytes(6).toString('hex')}`);
const isAnyThere = INSTRUMENTATIONS.some(({ needs }) => existsSync(needs));

beforeAll(async () => {
  if (!isAnyThere) return;
  database = await createTestDatabase();
  await mkdir(dataDir, { recursive: true });
  server = await startMain({ DATABASE_URL: database.connectionString, METERR_DATA_DIR: dataDir });
  key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
  meterr = createCalls(socketDoor(server.port), key);
  provider = await startModelProvider();
});

afterAll(async () => {
  await provider?.close();
  await server?.stop();
  await rm(dataDir, { recursive: true, force: true });
  await database?.drop();
});

for (const { name, needs } of INSTRUMENTATIONS) {
  if (!existsSync(needs)) process.stdout.write(`Skipped: spans of ${name}. Missing: run .ci/instrumentations\n`);
}
// Set by .ci/instrumentations, which has tried to install all.
it.runIf(process.env.METERR_TEST_INSTRUMENTATIONS)('at most one of them cannot be installed', () => {
  const missing = INSTRUMENTATIONS.filter(({ needs }) => !existsSync(needs)).map(({ name }) => name);
  expect(missing.length, missing.join(', ')).toBeLessThanOrEqual(1);
});

describe.each(INSTRUMENTATIONS)('$name', (one) => {
  it.skipIf(!existsSync(one.needs))('tokens and cost are what the provider said, once for each call', async () => {
    await check(one);
  });
});

async function check(one: Instrumentation): Promise<void> {
  provider.said.length = 0;
  const [command, program] = await one.command();
  const started = new Date(Date.now() - 1_000).toISOString();
  await run(command, [program], {
    timeout: MAX_MS,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      MODEL_URL: provider.url,
      // It asks the internet for prices otherwise.
      LITELLM_LOCAL_MODEL_COST_MAP: 'True',
      OTEL_SERVICE_NAME: one.name,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
      OTEL_EXPORTER_OTLP_HEADERS: `Authorization=Bearer ${key}`,
    },
  });
  const query = `recorded_after=${started}&limit=100&tag[service]=${encodeURIComponent(one.name)}`;
  const { data } = await meterr.ok<ListAnswer<CachedEvent>>('GET', `/v1/usage/history?${query}`);
  const recorded = data.map((event) => [
    ...[event.input_tokens, event.output_tokens, event.cache_read_tokens, event.cache_write_tokens],
    event.cost,
  ]);
  expect(provider.said.length).toBeGreaterThanOrEqual(5);
  expect(recorded.toSorted()).toEqual(provider.said.map(expected).toSorted());
}
