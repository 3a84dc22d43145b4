import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { AnswerReader } from './answer-reader.ts';
import { bodyOf, eventIdOf, targetOf } from './events.ts';
import type { LoadJob, LoadResult } from './load-job.ts';

// A process of its own. One request at a time on each connection, over a bare socket: a client that
// used a quarter of the machine would measure itself.

/**
 * Each hundredth event repeats one that this connection sent shortly before, each connection at its
 * own time.
 */
const REPEAT_EVERY = 100;
const REPEAT_BACK = 50;
const REPEAT_SHIFT = 7;

interface Tally {
  startMs: number;
  endMs: number;
  latenciesMs: number[];
  /** When the first and the last answer of the measured time came. */
  firstMs: number;
  lastMs: number;
  acknowledged: number;
  repeats: number;
  failures: number;
  firstFailure: string | null;
}

/** Whether an answer with a good status tells of a failure all the same. */
function saysFailure(kind: LoadJob['kind'], reader: AnswerReader): boolean {
  if (kind === 'rest') return false;
  const body = reader.body();
  return kind === 'graphql' ? body.includes('"errors"') : !/"conflicts":0,"invalid":0\b/.test(body);
}

/** Keeps one connection busy until the end, then resolves once its last answer has come. */
function drive(job: LoadJob, connection: number, tally: Tally): Promise<void> {
  const { path, contentType } = targetOf(job.kind);
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${job.port}\r\nAuthorization: Bearer ${job.key}\r\nContent-Type: ${contentType}\r\nContent-Length: `;
  const reader = new AnswerReader();
  let next = 0;
  let counter = connection * REPEAT_SHIFT;
  let fresh = 0;
  let sentAt = 0;

  function takeEvent(): { id: string; n: number } {
    const isRepeat = ++counter % REPEAT_EVERY === 0 && next > 0;
    if (isRepeat) tally.repeats++;
    else fresh++;
    const n = isRepeat ? Math.max(0, next - REPEAT_BACK) : next++;
    return { id: eventIdOf(job.run, connection, n), n };
  }

  function send(socket: Socket): void {
    fresh = 0;
    const events = job.batchSize === 1 ? [takeEvent()] : Array.from({ length: job.batchSize }, takeEvent);
    const body = bodyOf(job.kind, events);
    sentAt = performance.now();
    socket.write(`${head}${body.length}\r\n\r\n${body}`, 'latin1');
  }

  function record(now: number): void {
    const isGood = reader.status >= 200 && reader.status < 300 && !saysFailure(job.kind, reader);
    if (isGood) tally.acknowledged += fresh;
    else {
      tally.failures++;
      tally.firstFailure ??= `${reader.status} ${reader.body().slice(0, 300)}`;
    }
    if (now < tally.startMs || now > tally.endMs || !isGood) return;
    if (tally.latenciesMs.length === 0) tally.firstMs = now;
    tally.lastMs = now;
    tally.latenciesMs.push(now - sentAt);
  }

  return new Promise((resolve, reject) => {
    const socket = connect(job.port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.once('connect', () => send(socket));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the server closed a connection')));
    socket.on('data', (chunk) => {
      if (!reader.push(chunk)) return;
      const now = performance.now();
      record(now);
      if (now < tally.endMs) return send(socket);
      socket.removeAllListeners('close');
      socket.end();
      resolve();
    });
  });
}

async function run(job: LoadJob): Promise<LoadResult> {
  const startMs = performance.now() + job.warmupMs;
  const tally: Tally = {
    startMs,
    endMs: startMs + job.measureMs,
    latenciesMs: [],
    firstMs: 0,
    lastMs: 0,
    acknowledged: 0,
    repeats: 0,
    failures: 0,
    firstFailure: null,
  };
  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: job.connections }, (_, connection) => drive(job, connection, tally)));
  const used = process.cpuUsage(cpu);
  const sorted = Float64Array.from(tally.latenciesMs).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  // From answer to answer: a span that ends amid a long request would count the request for
  // nothing.
  const requestsPerMs = (sorted.length - 1) / (tally.lastMs - tally.firstMs);
  return {
    requests: sorted.length,
    eventsPerSecond: requestsPerMs * 1000 * job.batchSize,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
    acknowledged: tally.acknowledged,
    repeats: tally.repeats,
    failures: tally.failures,
    firstFailure: tally.firstFailure,
    clientCpuSeconds: (used.user + used.system) / 1e6,
  };
}

process.once('message', (job: LoadJob) => {
  run(job).then(
    (result) => process.send?.(result, () => process.exit(0)),
    (error: Error) => {
      process.stderr.write(`load client: ${error.message}\n`);
      process.exit(1);
    },
  );
});
