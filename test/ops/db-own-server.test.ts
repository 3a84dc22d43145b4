import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MainProcess, startMain } from '../harness/processes/main-process.ts';
import { startNode } from '../harness/processes/node-process.ts';
import { startLoad } from '../harness/usage-load.ts';
import { waitUntil } from '../harness/wait-until.ts';
import { type Cluster, freePort, makeCluster, startPgbouncer, whyNoCluster } from './db-cluster.ts';
import { expectNothingLost, KILLS, killMoments, openSwitch } from './db-load.ts';

// What happens to an operator's own PostgreSQL: it boots late, stops, fails over, or stands behind a
// pooler. METERR_OPS_SECONDS=60 for the long form of the outage.

const reason = whyNoCluster('/usr/sbin/pgbouncer');
if (reason !== null) console.info(`test/ops/db-own-server: skipped, ${reason}`);
const OUTAGE_MS = Number(process.env.METERR_OPS_SECONDS ?? 3) * 1_000;
const TIMEOUT_MS = 120_000 + OUTAGE_MS + KILLS * 10_000;
const dataDir = join(import.meta.dirname, '../../.meterr/test', `ops-${randomBytes(6).toString('hex')}`);

describe.skipIf(reason !== null)('an own PostgreSQL 15', { timeout: TIMEOUT_MS }, () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await makeCluster();
    await cluster.start();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await cluster.remove();
    await rm(dataDir, { recursive: true, force: true });
  }, TIMEOUT_MS);

  async function freshDatabase(options = ''): Promise<string> {
    const name = `ops_${randomBytes(6).toString('hex')}`;
    await cluster.query(`CREATE DATABASE ${name} ${options}`);
    return name;
  }

  const start = (url: string, env: Record<string, string> = {}) =>
    startMain({ DATABASE_URL: url, METERR_DATA_DIR: dataDir, ...env });

  /** The last line of a start that fails. */
  async function failToStart(url: string): Promise<string> {
    const main = startNode('src/main.ts', {
      PORT: '0',
      METERR_LOG_LEVEL: 'fatal',
      METERR_DATA_DIR: dataDir,
      DATABASE_URL: url,
    });
    expect(await main.ended).toBe(1);
    return main.output();
  }

  const keyOf = async () => (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();

  /** Runs `trouble` under load; everything acknowledged before, during and after it must be there. */
  async function loadThrough(main: MainProcess, url: string, trouble: () => Promise<void>): Promise<string> {
    const target = { url: main.url, key: await keyOf() };
    const load = startLoad(randomBytes(3).toString('hex'), async () => target);
    await load.acknowledged(100);
    await trouble();
    const startedMs = performance.now();
    await load.acknowledged(1);
    const backMs = Math.round(performance.now() - startedMs);
    await load.acknowledged(100);
    const report = await load.stop();
    const acknowledged = await expectNothingLost(url, report);
    return `${acknowledged} acknowledged, 0 missing, first answer ${backMs} ms after the end of it`;
  }

  it('that is stopped under load: what was acknowledged is there, and recording goes on by itself', async () => {
    const url = cluster.url(await freshDatabase());
    const main = await start(url);
    const figures = await loadThrough(main, url, async () => {
      await cluster.stop('immediate');
      await pause(OUTAGE_MS);
      const ready = await fetch(`${main.url}/health/ready`);
      expect(ready.status).toBe(503);
      await cluster.start();
    });
    console.info(`PostgreSQL down for ${OUTAGE_MS / 1000} s: ${figures}`);
    expect((await fetch(`${main.url}/health/ready`)).status).toBe(200);
    expect(await main.stop()).toBe(0);
  });

  it('that is waited for while it boots', async () => {
    const url = cluster.url(await freshDatabase());
    await cluster.stop();
    const main = startNode('src/main.ts', {
      PORT: '0',
      METERR_LOG_LEVEL: 'warn',
      METERR_DATA_DIR: dataDir,
      DATABASE_URL: url,
    });
    await waitUntil('it waits', () => main.output().includes('the database is not there yet; waiting for it'));
    await cluster.start();
    await waitUntil('it serves', () => main.output().includes('Meterr serves at'));
    main.signal('SIGTERM');
    expect(await main.ended).toBe(0);
  });

  it('whose standby is promoted under load: what was acknowledged is there', async () => {
    const database = await freshDatabase();
    const address = await openSwitch(cluster.port);
    const main = await start(cluster.url(database, address.port));
    const standby = await makeCluster(cluster);
    await standby.start();
    try {
      // Acknowledged means on both, as who fails over without loss has it.
      await cluster.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
      await cluster.query('SELECT pg_reload_conf()');
      const figures = await loadThrough(main, standby.url(database), async () => {
        await cluster.stop('immediate');
        // First the address leads to a server that takes no writes.
        address.lead(standby.port);
        await pause(500);
        expect((await fetch(`${main.url}/health/ready`)).status).toBe(503);
        await standby.promote();
        await standby.query(`ALTER SYSTEM RESET synchronous_standby_names`);
        await standby.query('SELECT pg_reload_conf()');
      });
      console.info(`a standby promoted: ${figures}`);
      expect(await main.stop()).toBe(0);
    } finally {
      await standby.remove();
      await address.close();
      await cluster.start();
      await cluster.query(`ALTER SYSTEM RESET synchronous_standby_names`);
      await cluster.query('SELECT pg_reload_conf()');
    }
  });

  it('behind pgbouncer in session mode, which is restarted under load', async () => {
    const database = await freshDatabase();
    const port = await freePort();
    let pooler = await startPgbouncer(cluster, 'session', port);
    const main = await start(cluster.url(database, port));
    const figures = await loadThrough(main, cluster.url(database), async () => {
      await pooler.stop();
      pooler = await startPgbouncer(cluster, 'session', port);
    });
    console.info(`pgbouncer restarted: ${figures}`);
    expect(await main.stop()).toBe(0);
    await pooler.stop();
  });

  it('behind pgbouncer in transaction mode is refused in one line that says what to set', async () => {
    const database = await freshDatabase();
    const pooler = await startPgbouncer(cluster, 'transaction', await freePort());
    const output = await failToStart(cluster.url(database, pooler.port));
    expect(output).toMatch(/^DATABASE_URL leads to a pooler in transaction mode, .*pool_mode = session.*\n$/);
    await pooler.stop();
  });

  it('with a database that is not UTF-8 is refused in one line', async () => {
    const database = await freshDatabase("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    expect(await failToStart(cluster.url(database))).toMatch(/^The database .* has the encoding LATIN1; .*\n$/);
  });

  it('with another DateStyle, zone and search path in the role, and a schema in the URL', async () => {
    const database = await freshDatabase();
    await cluster.query(`ALTER DATABASE ${database} SET DateStyle = 'German'`);
    await cluster.query(`ALTER DATABASE ${database} SET TimeZone = 'Asia/Kolkata'`);
    await cluster.query('CREATE SCHEMA tenant', database);
    const main = await start(`${cluster.url(database)}?schema=tenant&options=-c%20work_mem%3D8MB`);
    const key = await keyOf();
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const body = JSON.stringify({
      provider: 'openai',
      model: 'gpt-4o',
      input_tokens: 1,
      output_tokens: 1,
      timestamp: new Date().toISOString(),
    });
    expect((await fetch(`${main.url}/v1/usage`, { method: 'POST', headers, body })).status).toBe(201);
    const made = await fetch(`${main.url}/v1/teams`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ name: 'A team' }),
    });
    expect(made.status).toBe(201);
    const listed = (await (await fetch(`${main.url}/v1/usage/history`, { headers })).json()) as { data: unknown[] };
    expect(listed.data).toHaveLength(1);
    expect(await cluster.query('SELECT count(*)::int AS count FROM tenant.usage_events', database)).toEqual([
      { count: 1 },
    ]);
    expect(await main.stop()).toBe(0);
  });

  it(`is served after a first start that was killed at any of ${KILLS} moments`, async () => {
    const moments = killMoments(100, 1_600);
    for (const moment of moments) {
      const url = cluster.url(await freshDatabase());
      const env = { PORT: '0', METERR_LOG_LEVEL: 'warn', METERR_DATA_DIR: dataDir, DATABASE_URL: url };
      const main = startNode('src/main.ts', env);
      await pause(moment);
      main.signal('SIGKILL');
      await main.ended;
      const next = await start(url);
      expect([moment, (await fetch(`${next.url}/health/ready`)).status]).toEqual([moment, 200]);
      expect(await next.stop()).toBe(0);
    }
    console.info(`first starts killed after ${moments.join(', ')} ms: each next start served`);
  });
});
