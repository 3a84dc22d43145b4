import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { Seen, Target } from './watch.ts';

// A customer of the server while others attack it, in a thread of its own so that the attackers do
// not slow it down: it records usage and asks who it is, all the time, and says what it saw.

const { url, key, pid } = workerData as Target;
const PAUSE_MS = 20;
const EVENT = '{"provider":"openai","model":"gpt-4o","input_tokens":1,"output_tokens":1}';

const seen: Seen = { answers: 0, failures: [], slowestMs: 0, rssBytes: 0, peakBytes: 0 };

function ask(method: string, path: string, body?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const outgoing = request(new URL(path, url), { method, headers, agent: false }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
    });
    outgoing.on('error', reject).end(body);
  });
}

async function time(method: string, path: string, body?: string): Promise<void> {
  const start = performance.now();
  const status = await ask(method, path, body).catch((error: unknown) => String(error));
  seen.answers++;
  seen.slowestMs = Math.max(seen.slowestMs, performance.now() - start);
  if (typeof status === 'string' || status >= 300) seen.failures.push(`${method} ${path}: ${status}`);
}

async function weigh(): Promise<void> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  seen.rssBytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  seen.peakBytes = Math.max(seen.peakBytes, seen.rssBytes);
}

parentPort?.on('message', (message: 'take' | 'start') => {
  if (message === 'take') return parentPort?.postMessage(seen);
  Object.assign(seen, { answers: 0, failures: [], slowestMs: 0, peakBytes: 0 });
});

for (;;) {
  await time('GET', '/v1/me');
  await time('POST', '/v1/usage', EVENT);
  await weigh();
  await sleep(PAUSE_MS);
}
