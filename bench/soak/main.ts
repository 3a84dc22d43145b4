import { once } from 'node:events';
import { appendFile, mkdir, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findPostmaster } from '../../src/platform/embedded-postgres/embedded-postgres-server.ts';
import { ROOT, startChild, stopChildren } from '../harness/child.ts';
import { createOrganization } from '../harness/create-organization.ts';
import { OPERATOR_KEY, startMeterr } from '../harness/start-meterr.ts';
import { describeSoak } from './describe-soak.ts';
import type { SoakCounts, SoakJob } from './load.ts';
import { type Sample, takeSample, type Watched } from './sample.ts';

// `npm run soak`: minutes of every kind of request, then an idle time. It says what the server and
// its PostgreSQL hold of the machine; each sample is also a line of .meterr/soak/samples.ndjson.

const FOLDER = join(ROOT, '.meterr/soak');
const SAMPLES = join(FOLDER, 'samples.ndjson');
const LOAD_EVERY_MS = 10_000;
const IDLE_EVERY_MS = 60_000;
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, 'idle-minutes': { type: 'string', default: '5' } },
});
const samples: Sample[] = [];
const startedMs = performance.now();

async function sampleUntil(ended: Promise<unknown>, watched: Watched, phase: Sample['phase'], everyMs: number) {
  let isOver = false;
  const over = ended.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const sample = await takeSample(watched, phase, startedMs);
    samples.push(sample);
    await appendFile(SAMPLES, `${JSON.stringify(sample)}\n`);
    await Promise.race([over, sleep(everyMs)]);
  }
}

async function load(job: SoakJob): Promise<SoakCounts> {
  const child = startChild({ script: 'bench/soak/load.ts', ipc: true });
  child.process.send(job);
  const broken = child.waitFor(/^soak load: .*/m).then(([line]) => Promise.reject(new Error(line)));
  broken.catch(() => {});
  const [counts] = (await Promise.race([once(child.process, 'message'), broken])) as [SoakCounts];
  return counts;
}

async function soak(): Promise<void> {
  const dataDir = join(FOLDER, 'data');
  const server = await startMeterr({
    dataDir,
    env: { METERR_WEBHOOK_ALLOW_HTTP: 'true', METERR_WEBHOOK_ALLOW_PRIVATE: 'true' },
  });
  const folder = await realpath(join(dataDir, 'postgres'));
  const postmaster = await findPostmaster({ folder, user: null });
  if (!postmaster) throw new Error('PostgreSQL does not run.');
  const headers = { authorization: `Bearer ${OPERATOR_KEY}` };
  const watched: Watched = {
    serverPid: server.process.pid,
    postgresPid: postmaster.pid,
    folder: join(folder, 'data'),
    readMetrics: async () => (await fetch(`http://127.0.0.1:${server.port}/metrics`, { headers })).text(),
  };
  const { key } = await createOrganization({ ...server, name: '', pool: null }, 'Soak');

  const loaded = load({ port: server.port, key, seconds: Number(values.minutes) * 60 });
  await sampleUntil(loaded, watched, 'load', LOAD_EVERY_MS);
  const counts = await loaded;
  await writeFile(join(FOLDER, 'counts.json'), JSON.stringify(counts, null, 2));
  process.stdout.write(`${JSON.stringify(counts, null, 2)}\n${describeSoak(samples, 'load')}\n`);
  await sampleUntil(sleep(Number(values['idle-minutes']) * 60_000), watched, 'idle', IDLE_EVERY_MS);
  process.stdout.write(`${describeSoak(samples, 'idle')}\n`);
  await server.process.stop();
  await rm(folder, { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
}

await mkdir(FOLDER, { recursive: true });
await writeFile(SAMPLES, '');
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => stopChildren().then(() => process.exit(1)));
await soak().finally(stopChildren);
