import { randomBytes } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, expect, it } from 'vitest';
import { socketFolder } from '../../src/platform/embedded-postgres/embedded-postgres-home.ts';
import { formatId } from '../../src/platform/ids.ts';
import { keepRecording } from '../harness/keep-recording.ts';
import { startMain } from '../harness/processes/main-process.ts';
import { childrenOf, startAsPidOne, whyNoPidNamespace } from '../harness/processes/pid-namespace.ts';
import { removeClusters } from '../harness/processes/remove-clusters.ts';
import { requireNothingLeft } from '../harness/processes/require-nothing-left.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';
import { beginUpload } from '../harness/upload.ts';
import { waitUntil } from '../harness/wait-until.ts';

// What a container is to its processes: the server is PID 1, and what is left at its end is killed.

const skipped = whyNoPidNamespace();
if (skipped) console.warn(`The server is not tried as PID 1: ${skipped}`);

const TIMEOUT_MS = 120_000;
const CONNECTIONS = 200;
const LINES = 10_000;
/** Of `docker stop`, before it kills. */
const PATIENCE_MS = 10_000;
const scratch = join(SCRATCH_FOLDER, `drain-docker-${randomBytes(6).toString('hex')}`);
const dataDir = join(scratch, 'data');
const COMMAND = [process.execPath, ['src/main.ts']] as const;
let running: Awaited<ReturnType<typeof startAsPidOne>> | null = null;

afterEach(async () => {
  if (running?.child.exitCode === null) process.kill(running.pidOne, 'SIGKILL');
  await running?.ended;
}, TIMEOUT_MS);
afterAll(() => removeClusters(scratch), TIMEOUT_MS);

const readKey = async () => (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();

/** The event ids and usage ids that are stored under the id of an event. */
async function readStored(): Promise<Map<string, string>> {
  const host = encodeURIComponent(socketFolder({ folder: await realpath(join(dataDir, 'postgres')), user: null }));
  const client = new pg.Client({ connectionString: `postgresql://meterr@localhost/meterr?host=${host}` });
  await client.connect();
  const { rows } = await client.query<{ id: string; event_id: string }>('SELECT id, event_id FROM usage_events');
  await client.end();
  return new Map(rows.map(({ id, event_id }) => [event_id, formatId('usageEvent', id)]));
}

it.skipIf(skipped)(
  'SIGTERM to PID 1 under 200 connections and an upload of 10,000 lines: all that was acknowledged is there after the next start, the upload is answered, nothing is torn, exit code 0 before docker kills',
  async () => {
    running = await startAsPidOne(COMMAND, { METERR_DATA_DIR: dataDir, METERR_DRAIN_SECONDS: '5' });
    const { pidOne, port, url, ended } = running;
    const key = await readKey();
    const upload = await beginUpload(port, key, 'line', LINES);
    const recording = keepRecording(port, key, 'single', CONNECTIONS);
    await waitUntil('events are acknowledged', () => recording.acknowledged() > 2 * CONNECTIONS);
    const fromMs = performance.now();
    process.kill(pidOne, 'SIGTERM');
    await waitUntil('it is not ready', async () => (await fetch(`${url}/health/ready`)).status === 503);
    const atSignal = recording.acknowledged();
    const { acknowledged, torn } = await recording.ended;
    // The port is closed; the upload goes on.
    const { status, answer } = await upload.finish();
    expect(status).toBe(200);
    expect(answer.split('"status":"created"')).toHaveLength(LINES + 1);
    expect(await ended).toBe(0);
    expect(performance.now() - fromMs).toBeLessThan(PATIENCE_MS);
    expect(acknowledged.size).toBeGreaterThan(atSignal);
    expect(Object.fromEntries(torn)).toEqual({});
    await requireNothingLeft(dataDir);

    const next = await startMain({ METERR_DATA_DIR: dataDir });
    const stored = await readStored();
    expect(await next.stop()).toBe(0);
    const lost = [...acknowledged].filter(([eventId, usageId]) => stored.get(eventId) !== usageId);
    expect(lost).toEqual([]);
    expect(
      stored
        .keys()
        .filter((id) => id.startsWith('line-'))
        .toArray(),
    ).toHaveLength(LINES);
  },
  TIMEOUT_MS,
);

async function isZombie(pid: number): Promise<boolean> {
  return /^\d+ \(.*\) Z /s.test(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
}

it.skipIf(skipped)(
  'as PID 1 it reaps what others leave to it: no zombie of a PostgreSQL that was killed stays',
  async () => {
    running = await startAsPidOne(COMMAND, { METERR_DATA_DIR: dataDir });
    const { pidOne, url } = running;
    const home = await realpath(join(dataDir, 'postgres'));
    // The number is that of inside: outside, it is the child of PID 1 that works in the data folder.
    const adopted = await childrenOf(pidOne);
    const folders = await Promise.all(adopted.map((pid) => realpath(`/proc/${pid}/cwd`).catch(() => '')));
    const postmaster = adopted[folders.indexOf(join(home, 'data'))];
    if (postmaster === undefined) throw new Error('PostgreSQL was not left to PID 1.');
    const left = [postmaster, ...(await childrenOf(postmaster))];
    process.kill(postmaster, 'SIGKILL');
    await waitUntil('all of it is gone', async () => {
      const zombies = await Promise.all([...left, ...(await childrenOf(pidOne))].map(isZombie));
      const alive = await Promise.all(left.map((pid) => realpath(`/proc/${pid}/exe`).catch(() => null)));
      return !zombies.includes(true) && alive.every((path) => path === null);
    });
    const headers = { authorization: `Bearer ${await readKey()}` };
    await waitUntil('it serves again', async () => (await fetch(`${url}/v1/usage`, { headers })).ok);
    process.kill(pidOne, 'SIGTERM');
    expect(await running.ended).toBe(0);
    await requireNothingLeft(dataDir);
  },
  TIMEOUT_MS,
);
