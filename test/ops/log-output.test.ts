import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { EVENT } from '../harness/make.ts';
import { findFreePort } from '../harness/processes/free-port.ts';
import { ROOT } from '../harness/processes/npm-start.ts';
import { removeClusters } from '../harness/processes/remove-clusters.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';
import { waitUntil } from '../harness/wait-until.ts';

// A server whose standard output is full, closed or never read serves all the same.

const TIMEOUT_MS = 120_000;
/** More than what waits in the server, and in the pipe behind it. */
const MANY_LINES = 3_000;
const AT_A_TIME = 100;
const scratch = join(SCRATCH_FOLDER, `log-output-${randomBytes(6).toString('hex')}`);
const dataDir = join(scratch, 'data');
let child: ChildProcess;
let port: number;

afterEach(async () => {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}, TIMEOUT_MS);
afterAll(() => removeClusters(scratch), TIMEOUT_MS);

const call = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${port}${path}`, init);
const isReady = async () => (await call('/health/ready').catch(() => null))?.status === 200;

async function start(stdout: 'pipe' | number): Promise<void> {
  port = await findFreePort();
  const settings = {
    PORT: String(port),
    METERR_DATA_DIR: dataDir,
    METERR_DRAIN_SECONDS: '0',
    METERR_METRICS_OPEN: 'true',
  };
  child = spawn(process.execPath, ['src/main.ts'], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...settings },
    stdio: ['ignore', stdout, 'ignore'],
  });
  await waitUntil('it is ready', isReady);
}

const readHeaders = async () => ({
  authorization: `Bearer ${(await readFile(join(dataDir, 'api-key'), 'utf8')).trim()}`,
  'content-type': 'application/json',
});

/** Each body that is not JSON is a line of the log, with a stack. */
async function writeLines(lines: number): Promise<void> {
  const headers = await readHeaders();
  const send = async () => {
    const response = await call('/v1/traces', { method: 'POST', headers, body: '{' });
    expect(response.status).toBe(400);
    await response.text();
  };
  for (let left = lines; left > 0; left -= AT_A_TIME) {
    await Promise.all(Array.from({ length: Math.min(left, AT_A_TIME) }, send));
  }
}

async function countDropped(): Promise<number> {
  const text = await (await call('/metrics')).text();
  return Number(/^meterr_log_lines_dropped_total (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
}

async function requireServing(): Promise<void> {
  const headers = await readHeaders();
  expect((await call('/v1/usage', { method: 'POST', headers, body: JSON.stringify(EVENT) })).status).toBe(201);
  expect(await isReady()).toBe(true);
}

async function stop(): Promise<number | null> {
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
  return child.exitCode;
}

it(
  'a pipe that nobody reads loses lines, counted, and the server serves; read again, one line says how many',
  async () => {
    await start('pipe');
    // Nobody has asked for its data, so this end takes what fits in its buffer and no more.
    await writeLines(MANY_LINES);
    await waitUntil('lines were dropped', async () => (await countDropped()) > 0);
    await requireServing();
    const dropped = await countDropped();
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await waitUntil('the loss is told', () => /lines were dropped/.test(output));
    const told = output.split('\n').filter((line) => line.includes('droppedLines'));
    expect(told.map((line) => JSON.parse(line).droppedLines)).toEqual([dropped]);
    // What is there is whole lines.
    const lines = output.split('\n').filter((line) => line.startsWith('{'));
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
    await writeLines(1);
    await waitUntil('lines are written again', () => output.trimEnd().split('\n').length > lines.length + 1);
    expect(await countDropped()).toBe(dropped);
    expect(await stop()).toBe(0);
  },
  TIMEOUT_MS,
);

it(
  'a pipe that was closed loses all lines, counted, and the server serves and stops as ever',
  async () => {
    await start('pipe');
    child.stdout?.destroy();
    await writeLines(10);
    await waitUntil('ten lines were dropped', async () => (await countDropped()) >= 10);
    await requireServing();
    expect(await stop()).toBe(0);
  },
  TIMEOUT_MS,
);

it(
  'a disk that is full loses lines, counted, from the greeting on, and the server serves and stops as ever',
  async () => {
    await start(openSync('/dev/full', 'w'));
    await writeLines(10);
    await waitUntil('ten lines were dropped', async () => (await countDropped()) >= 10);
    await requireServing();
    expect(await stop()).toBe(0);
  },
  TIMEOUT_MS,
);
