import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../harness/database.ts';
import { startNode } from '../harness/processes/node-process.ts';
import { type Cluster, makeCluster, whyNoCluster } from './db-cluster.ts';

// A backup of the embedded PostgreSQL 18, restored into an operator's own PostgreSQL 15 by a role that owns its
// database and has no other right.

const reason = whyNoCluster();
if (reason !== null) console.info(`test/ops/backup-own-server: skipped, ${reason}`);
const TIMEOUT_MS = 120_000;
const ROLE = 'costs';

describe.skipIf(reason !== null)('an own PostgreSQL 15', { timeout: TIMEOUT_MS }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'meterr-backup-'));
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await makeCluster();
    await cluster.start();
    await cluster.query(`CREATE ROLE ${ROLE} LOGIN`);
    await cluster.query(`CREATE DATABASE ${ROLE} OWNER ${ROLE}`);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await cluster.remove();
    rmSync(folder, { recursive: true, force: true });
  }, TIMEOUT_MS);

  async function run(script: string, url: string, ...args: string[]) {
    const command = startNode(script, { DATABASE_URL: url, METERR_DATA_DIR: join(folder, 'none') }, args);
    const code = await command.ended;
    return { code, output: command.output() };
  }

  it('takes a backup of a newer server, and gives one of its own, also as a standby', async () => {
    const source = await createTestDatabase();
    const path = join(folder, `${randomBytes(4).toString('hex')}.tar.zst`);
    expect(await run('src/backup.ts', source.connectionString, path)).toMatchObject({ code: 0 });
    await source.drop();
    const url = cluster.url(ROLE).replace('postgres@', `${ROLE}@`);
    const restored = await run('src/restore.ts', url, path);
    expect(restored.output).toMatch(/^Restored \S+ into the database costs on 127\.0\.0\.1: .*; every sum equals/);
    expect(restored.code).toBe(0);
    const standby = await makeCluster(cluster);
    await standby.start();
    try {
      const copy = standby.url(ROLE).replace('postgres@', `${ROLE}@`);
      const rowsOf = (output: string) => /: ([\d,]+ rows of \d+ tables)/.exec(output)?.[1];
      const again = await run('src/backup.ts', copy, folder);
      expect(rowsOf(again.output)).toBe(rowsOf(restored.output));
      expect(await run('src/verify.ts', copy)).toEqual({ code: 0, output: 'Every sum equals its ledger.\n' });
      const refused = await run('src/restore.ts', copy, path);
      expect(refused).toEqual({
        code: 1,
        output: expect.stringMatching(/^Not restored: .* is a standby or read-only[^\n]*\n$/),
      });
    } finally {
      await standby.remove();
    }
  });
});
