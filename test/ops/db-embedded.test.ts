import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startMain } from '../harness/processes/main-process.ts';
import { startNode } from '../harness/processes/node-process.ts';
import { removeClusters } from '../harness/processes/remove-clusters.ts';
import { waitUntil } from '../harness/wait-until.ts';
import { KILLS, killMoments } from './db-load.ts';

// The embedded PostgreSQL, where its start is killed and where its disk is full.

const TEST_FOLDER = join(import.meta.dirname, '../../.meterr/test');
const EVENT = { provider: 'openai', model: 'gpt-4o', input_tokens: 10, output_tokens: 5 };
const SMALL_DISK = '900m';
const noDisk = process.getuid?.() === 0 && process.platform === 'linux' ? null : 'only root can mount a small disk';
if (noDisk !== null) console.info(`test/ops/db-embedded: the full disk is skipped, ${noDisk}`);

it(
  `a first start that is killed at any of ${KILLS} moments is followed by one that serves`,
  async () => {
    const moments = killMoments(100, 2_600);
    for (const moment of moments) {
      const dataDir = join(TEST_FOLDER, `killed-start-${randomBytes(6).toString('hex')}`);
      mkdirSync(dataDir, { recursive: true });
      const env = { PORT: '0', METERR_LOG_LEVEL: 'warn', METERR_DATA_DIR: dataDir, METERR_PRICE_FEEDS: 'off' };
      const first = startNode('src/main.ts', env);
      await pause(moment);
      first.signal('SIGKILL');
      await first.ended;
      const second = await startMain(env);
      expect([moment, (await fetch(`${second.url}/health/ready`)).status]).toEqual([moment, 200]);
      expect(await second.stop()).toBe(0);
      await removeClusters(dataDir);
    }
    console.info(`first starts killed after ${moments.join(', ')} ms: each next start served`);
  },
  60_000 + KILLS * 22_000,
);

describe.skipIf(noDisk !== null)('a disk that is full', { timeout: 180_000 }, () => {
  it('is told once, refuses plainly, and what is recorded goes on when there is room', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'meterr-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_DISK},mode=755`, 'tmpfs', disk]);
    try {
      const dataDir = join(disk, 'data');
      mkdirSync(dataDir);
      const main = await startMain({ METERR_DATA_DIR: dataDir, METERR_PRICE_FEEDS: 'off' });
      const key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const acknowledged: string[] = [];
      const record = async (count: number) => {
        const events = Array.from({ length: count }, () => ({ ...EVENT, id: randomBytes(12).toString('hex') }));
        const body = JSON.stringify({ events });
        const response = await fetch(`${main.url}/v1/usage/batch`, { method: 'POST', headers, body });
        const text = await response.text();
        if (response.status === 200) acknowledged.push(...events.map(({ id }) => id));
        return { status: response.status, text, retryAfter: response.headers.get('retry-after') };
      };
      expect((await record(1_000)).status).toBe(200);
      const filler = join(disk, 'filler');
      execFileSync('sh', ['-c', `dd if=/dev/zero of=${filler} bs=1M 2>/dev/null; true`]);
      const refused: Awaited<ReturnType<typeof record>>[] = [];
      for (let tries = 0; tries < 60 && refused.length < 5; tries++) {
        const answer = await record(1_000);
        if (answer.status !== 200) refused.push(answer);
      }
      expect(refused.length).toBeGreaterThan(0);
      for (const { status, text, retryAfter } of refused) {
        expect(status).toBe(503);
        expect(retryAfter).toMatch(/^\d+$/);
        expect(text).not.toMatch(/tmp|meterr-disk|postgres|pg_|No space|extend|WAL/i);
      }
      rmSync(filler);
      await waitUntil('it records again', async () => (await record(10)).status === 200);
      const lines = main
        .output()
        .split('\n')
        .filter((line) => line.includes('the disk of the database is full'));
      expect(lines.length).toBeLessThanOrEqual(1);
      const found = await Promise.all(
        [...acknowledged.slice(0, 20), ...acknowledged.slice(-20)].map(async (id) => {
          const response = await fetch(`${main.url}/v1/usage/history?event_id=${id}`, { headers });
          return ((await response.json()) as { data: unknown[] }).data.length;
        }),
      );
      expect(new Set(found)).toEqual(new Set([1]));
      const usage = await fetch(`${main.url}/v1/usage?start=2020-01-01T00:00:00Z`, { headers });
      const { totals } = (await usage.json()) as { totals: { requests: number } };
      expect(totals.requests).toBe(acknowledged.length);
      console.info(`disk full and freed: ${acknowledged.length} acknowledged, 0 missing`);
      expect(await main.stop()).toBe(0);
      await removeClusters(dataDir);
    } finally {
      execFileSync('umount', ['-l', disk]);
      rmSync(disk, { recursive: true, force: true });
    }
  });
});
