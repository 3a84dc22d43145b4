import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

// Runs the image whose root file system is mounted at ROOT as its configuration says, as PID 1 of a PID
// namespace of its own: it records an event, asks the health check, sends SIGTERM, and starts it again.
// Usage: run-image.ts ROOT CONFIGURATION PORT

const READY_MS = 60_000;
const STOP_MS = 30_000;

interface ImageConfiguration {
  User: string;
  Env: string[];
  Cmd: string[];
  WorkingDir: string;
}

const [root = '', file = '', port = ''] = process.argv.slice(2);
const inspected = JSON.parse(readFileSync(file, 'utf8'));
const image: ImageConfiguration = inspected.Docker.config;
const check: string[] = inspected.Docker.config.Healthcheck.Test;
const environment = [...image.Env, `PORT=${port}`];

/** The arguments of a command inside the image. */
function inside(command: readonly string[]): string[] {
  const words = ['chroot', `--userspec=${image.User}:0`, root, '/usr/bin/env', '-i', ...environment];
  return [...words, 'sh', '-c', `cd ${image.WorkingDir} && exec "$@"`, 'sh', ...command];
}

function start() {
  const args = ['--pid', '--fork', '--mount', `--mount-proc=${root}/proc`, ...inside(image.Cmd)];
  const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  // A failed assertion ends this process: then nothing of it goes on. (`--kill-child` of
  // unshare is forgotten when the user changes.)
  process.once('exit', () => {
    if (child.exitCode === null) process.kill(pidOfInit(child.pid), 'SIGKILL');
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, exited, output: () => output };
}

async function untilReady(running: ReturnType<typeof start>): Promise<void> {
  const deadline = Date.now() + READY_MS;
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => null);
    if (response?.ok) return;
    assert(running.child.exitCode === null, `the container ended:\n${running.output()}`);
    assert(Date.now() < deadline, `the container was not ready in ${READY_MS / 1000} s:\n${running.output()}`);
    await sleep(100);
  }
}

/** The process that is PID 1 inside: the one child of `unshare`. */
function pidOfInit(pid: number | undefined): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}

async function stop({ child, exited, output }: ReturnType<typeof start>): Promise<void> {
  const startedMs = Date.now();
  process.kill(pidOfInit(child.pid), 'SIGTERM');
  const code = await Promise.race([exited, sleep(STOP_MS, 'late', { ref: false })]);
  assert.equal(code, 0, `SIGTERM must end it with 0, not ${code}:\n${output()}`);
  console.log(`== images: SIGTERM ended it in ${((Date.now() - startedMs) / 1000).toFixed(1)} s, exit code 0`);
}

async function call(key: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const options = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, options);
  return { status: response.status, body: await response.json() };
}

const first = start();
await untilReady(first);
const key = /mtr_live_[\w-]+/.exec(first.output())?.[0];
assert(key, `the first start prints a key:\n${first.output()}`);
const event = { id: 'image', provider: 'openai', model: 'gpt-4o', input_tokens: 1000, output_tokens: 500 };
assert.equal((await call(key, '/v1/usage', event)).status, 201);
const checking = spawn(inside(check.slice(1))[0] ?? '', inside(check.slice(1)).slice(1), { stdio: 'inherit' });
assert.equal(await new Promise((resolve) => checking.once('exit', resolve)), 0, 'the health check must pass');
await stop(first);

const second = start();
await untilReady(second);
const repeated = await call(key, '/v1/usage', event);
assert.equal(repeated.status, 200, 'what was recorded is there after a restart');
await stop(second);
console.log('== images: passed');
