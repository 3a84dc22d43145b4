import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { AnswerReader } from '../harness/answer-reader.ts';
import { bodyOf, eventIdOf, targetOf } from '../harness/events.ts';
import type { RecordJob, RecordResult } from './record-job.ts';

// A process of its own, which takes one job after the other. Each connection has one request under
// way at a time.

/**
 * Sends requests until there are none left. Resolves early when an endless job's connection is
 * closed.
 */
function drive(job: RecordJob, takeRequest: () => number | null, result: RecordResult): Promise<void> {
  const { path, contentType } = targetOf('batch');
  const reader = new AnswerReader();
  return new Promise((resolve, reject) => {
    const socket = connect(job.port, '127.0.0.1');
    const send = () => {
      const request = takeRequest();
      if (request === null) {
        socket.removeAllListeners('close');
        socket.end();
        return resolve();
      }
      const events = Array.from({ length: job.batchSize }, (_, i) => ({
        id: eventIdOf(job.run, i, request),
        n: request + i,
      }));
      const body = bodyOf('batch', events);
      const key = job.keys[request % job.keys.length];
      const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${job.port}\r\nAuthorization: Bearer ${key}\r\nContent-Type: ${contentType}\r\n`;
      socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`, 'latin1');
    };
    const end = (error: Error) => (job.isEndless ? resolve() : reject(error));
    socket.setNoDelay(true);
    socket.once('connect', send);
    socket.once('error', end);
    socket.once('close', () => end(new Error('the server closed a connection')));
    socket.on('data', (chunk) => {
      if (!reader.push(chunk)) return;
      const isGood = reader.status === 200 && /"conflicts":0,"invalid":0\b/.test(reader.body());
      if (isGood) result.acknowledged++;
      else {
        result.failures++;
        result.firstFailure ??= `${reader.status} ${reader.body().slice(0, 300)}`;
      }
      // A server that stops says so; an endless client would only ask it again.
      if (!isGood && job.isEndless) socket.destroy();
      else send();
    });
  });
}

async function run(job: RecordJob): Promise<RecordResult> {
  const result: RecordResult = { seconds: 0, acknowledged: 0, failures: 0, firstFailure: null };
  let next = 0;
  const takeRequest = () => (job.isEndless || next < job.keys.length ? next++ : null);
  const startMs = performance.now();
  await Promise.all(Array.from({ length: job.connections }, () => drive(job, takeRequest, result)));
  result.seconds = (performance.now() - startMs) / 1000;
  return result;
}

process.on('message', (job: RecordJob) => {
  run(job).then(
    (result) => process.send?.(result),
    (error: Error) => {
      process.stderr.write(`record client: ${error.message}\n`);
      process.exit(1);
    },
  );
});
