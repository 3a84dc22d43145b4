import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { type CommandProcess, startCommand } from '../harness/processes/command-process.ts';
import { removeClusters } from '../harness/processes/remove-clusters.ts';
import { requireNothingLeft } from '../harness/processes/require-nothing-left.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';
import { beginUpload } from '../harness/upload.ts';
import { waitUntil } from '../harness/wait-until.ts';

// Whoever gets the signal, the server hears it: npm alone, the group, the server.

const TIMEOUT_MS = 120_000;
const LINES = 1_000;
const scratch = join(SCRATCH_FOLDER, `drain-signals-${randomBytes(6).toString('hex')}`);
const dataDir = join(scratch, 'data');
let server: CommandProcess | null = null;

afterEach(async () => {
  if (server?.child.exitCode === null && server.child.signalCode === null) server.signalGroup('SIGKILL');
  await server?.ended;
}, TIMEOUT_MS);
afterAll(() => removeClusters(scratch), TIMEOUT_MS);

async function start([command, args]: readonly [string, readonly string[]], env: Record<string, string> = {}) {
  server = await startCommand(command, args, { METERR_DATA_DIR: dataDir, ...env });
  return server;
}

const NPM = ['npm', ['start']] as const;
const NODE = [process.execPath, ['src/main.ts']] as const;

it.each([
  ['SIGTERM to npm alone', NPM, (one: CommandProcess) => one.signal('SIGTERM')],
  ['SIGINT to npm alone', NPM, (one: CommandProcess) => one.signal('SIGINT')],
  ['SIGTERM to the group of npm', NPM, (one: CommandProcess) => one.signalGroup('SIGTERM')],
  ['SIGINT to the group of npm', NPM, (one: CommandProcess) => one.signalGroup('SIGINT')],
  ['SIGTERM to the server', NODE, (one: CommandProcess) => one.signal('SIGTERM')],
  ['SIGHUP to the server', NODE, (one: CommandProcess) => one.signal('SIGHUP')],
  ['SIGQUIT to the server', NODE, (one: CommandProcess) => one.signal('SIGQUIT')],
] as const)(
  '%s: the upload under way is answered, the exit code is 0, and no process is left',
  async (_, through, send) => {
    const running = await start(through);
    const key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
    const upload = await beginUpload(running.port, key, randomBytes(4).toString('hex'), LINES);
    send(running);
    await waitUntil('the signal was heard', () => running.output().includes('finishing what is in flight'));
    const { status, answer } = await upload.finish();
    expect(status).toBe(200);
    expect(answer.split('"status":"created"')).toHaveLength(LINES + 1);
    expect(await running.ended).toBe(0);
    await requireNothingLeft(dataDir);
  },
  TIMEOUT_MS,
);

const isRefused = (url: string) =>
  fetch(url).then(
    () => false,
    (error: Error) => Object(error.cause).code === 'ECONNREFUSED',
  );

it(
  'after SIGTERM ready is 503 while all else is served, for METERR_DRAIN_SECONDS; then nothing new is accepted',
  async () => {
    const running = await start(NODE, { METERR_DRAIN_SECONDS: '2' });
    const authorization = `Bearer ${(await readFile(join(dataDir, 'api-key'), 'utf8')).trim()}`;
    const statusOf = async (path: string) =>
      (await fetch(`${running.url}${path}`, { headers: { authorization } })).status;
    expect(await statusOf('/health/ready')).toBe(200);
    const fromMs = performance.now();
    running.signal('SIGTERM');
    await waitUntil('it is not ready', async () => (await statusOf('/health/ready')) === 503);
    expect([await statusOf('/health/live'), await statusOf('/v1/usage')]).toEqual([200, 200]);
    await waitUntil('the port is closed', () => isRefused(`${running.url}/health/live`));
    expect(performance.now() - fromMs).toBeGreaterThan(1_900);
    expect(await running.ended).toBe(0);
  },
  TIMEOUT_MS,
);

it(
  'a WebSocket stays open while the server drains, and is closed with 1001 (going away) at the end of that',
  async () => {
    const running = await start(NODE, { METERR_DRAIN_SECONDS: '1' });
    const socket = new WebSocket(`${running.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    const authorization = `Bearer ${(await readFile(join(dataDir, 'api-key'), 'utf8')).trim()}`;
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }));
    await once(socket, 'message');
    const closed = once(socket, 'close');
    running.signal('SIGTERM');
    await waitUntil('it drains', async () => (await fetch(`${running.url}/health/ready`)).status === 503);
    expect(socket.readyState).toBe(WebSocket.OPEN);
    const [{ code }] = await closed;
    expect(code).toBe(1001);
    expect(await running.ended).toBe(0);
  },
  TIMEOUT_MS,
);

it('Ctrl-C does not wait for the drain, nor does it while one is under way', async () => {
  const longest = { METERR_DRAIN_SECONDS: '60', METERR_SHUTDOWN_SECONDS: '120' };
  const first = await start(NODE, longest);
  first.signal('SIGINT');
  expect(await first.ended).toBe(0);
  const second = await start(NODE, longest);
  second.signal('SIGTERM');
  await waitUntil('it drains', async () => (await fetch(`${second.url}/health/ready`)).status === 503);
  second.signal('SIGINT');
  expect(await second.ended).toBe(0);
}, 30_000);

it(
  'the drain takes at most half of METERR_SHUTDOWN_SECONDS, which bounds all of it',
  async () => {
    const running = await start(NODE, {
      METERR_DRAIN_SECONDS: '60',
      METERR_SHUTDOWN_SECONDS: '2',
    });
    const fromMs = performance.now();
    running.signal('SIGTERM');
    expect(await running.ended).toBe(0);
    expect(performance.now() - fromMs).toBeLessThan(3_000);
    await requireNothingLeft(dataDir);
  },
  TIMEOUT_MS,
);
