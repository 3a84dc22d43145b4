import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MainProcess, startMain } from '../harness/processes/main-process.ts';
import { removeClusters } from '../harness/processes/remove-clusters.ts';
import { waitUntil } from '../harness/wait-until.ts';
import { ATTACKS } from './attacks.ts';
import { type Bystander, startBystander, type Target } from './watch.ts';

// One request must never cost everybody. Each attack runs against a real server in a process of its
// own, with a PostgreSQL of its own, while somebody else records usage.

const MIB = 1_048_576;
const SLOWEST_MS = 1_000;
const MOST_GROWTH_BYTES = 300 * MIB;
/**
 * How much more a second round may take than the first. V8 keeps the pages that it freed for later,
 * and counts them as its own, so that what was given back shows in what is taken again.
 */
const MORE_AGAIN_BYTES = 100 * MIB;
const dataDir = join(import.meta.dirname, '../../.meterr/test', `abuse-${randomBytes(6).toString('hex')}`);

let server: MainProcess;
let target: Target;
let bystander: Bystander;

beforeAll(async () => {
  await mkdir(dataDir, { recursive: true });
  server = await startMain({ METERR_DATA_DIR: dataDir, METERR_LOG_LEVEL: 'silent' });
  const key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
  target = { url: server.url, port: server.port, key, pid: server.pid };
  // What is loaded and compiled when first used is not the attackers' doing.
  for (const [path, accept] of [
    ['/graphql', 'text/html'],
    ['/docs/swagger-ui-bundle.js', '*/*'],
  ]) {
    await (await fetch(new URL(path ?? '', server.url), { headers: { accept: accept ?? '' } })).arrayBuffer();
  }
  bystander = await startBystander(target);
  await waitUntil('it is used', async () => (await bystander.take()).answers > 20);
});

afterAll(async () => {
  await bystander?.stop();
  await server?.kill();
  await removeClusters(dataDir);
});

describe.each(ATTACKS)('%s', (name, attack) => {
  it('cost nobody else a second, or the server 300 MB', async () => {
    const before = (await bystander.take()).rssBytes;
    bystander.start();
    await attack(target);
    const seen = await bystander.take();
    const growth = Math.round((seen.peakBytes - before) / MIB);
    process.stdout.write(
      `${name}: slowest ${Math.round(seen.slowestMs)} ms, +${growth} MiB, ${seen.answers} answers\n`,
    );
    expect(seen.failures).toEqual([]);
    expect(seen.answers).toBeGreaterThan(0);
    expect(seen.slowestMs).toBeLessThan(SLOWEST_MS);
    expect(seen.peakBytes - before).toBeLessThan(MOST_GROWTH_BYTES);
  });
});

it('the process lives, printed nothing, and does all of it again with the memory that it has', async () => {
  const firstRoundBytes = (await bystander.take()).rssBytes;
  for (const [, attack] of ATTACKS) await attack(target);
  const { rssBytes, failures } = await bystander.take();
  process.stdout.write(`again: +${Math.round((rssBytes - firstRoundBytes) / MIB)} MiB\n`);
  expect(failures).toEqual([]);
  expect(rssBytes - firstRoundBytes).toBeLessThan(MORE_AGAIN_BYTES);
  expect(server.output()).not.toMatch(/\bat .*\.(ts|js|mjs):\d+/);
});
