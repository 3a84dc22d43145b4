import { pino } from 'pino';
import { detectAnomalies } from '../../src/domain/anomalies/detect-anomalies.ts';
import { createKnownBands } from '../../src/domain/anomalies/watch/known-bands.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import { migrateDatabase } from '../../src/platform/postgres/migrate/migrate.ts';
import { openDataFolder } from '../harness/data-folder.ts';

// What one run of the job costs: organizations with six API keys in three teams, two models each, used
// in every hour: ten watched series (the organization, its teams and its keys).

const KEYS = 6;
const TEAMS = 3;
const SERIES = 2 * KEYS;
const DAYS = 73;
const HOUR_DAYS = 30;
const PASSES = 3;
const DATABASE = 'anomalies';
const NOW_MS = Date.UTC(2026, 10, 22, 10, 30);
const NOW = new Date(NOW_MS).toISOString();
const COUNTS = '1, 100, 100, 0, 0, 0';
const COLUMNS = `requests, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
  cost, unpriced_requests`;
const SUMS = `(organization_id, bucket, series_id, ${COLUMNS})`;

const FILL = [
  `INSERT INTO organizations (id, name) SELECT md5('o' || n)::uuid, 'o' || n FROM generate_series(1, $1) n`,
  `INSERT INTO usage_series (organization_id, id, provider, model, service_tier, team_id, api_key_id)
   SELECT o.id, k, 'openai', 'm' || k / ${KEYS}, 'standard', md5(o.id || 't' || k % ${TEAMS})::uuid,
          md5(o.id || 'k' || k % ${KEYS})::uuid
     FROM organizations o, generate_series(0, ${SERIES} - 1) k`,
  `INSERT INTO usage_days ${SUMS}
   SELECT o.id, date_trunc('day', '${NOW}'::timestamptz, 'UTC') - d * interval '1 day', k, ${COUNTS}, 20 + 5 * random(), 0
     FROM organizations o, generate_series(0, ${DAYS}) d, generate_series(0, ${SERIES} - 1) k`,
  `INSERT INTO usage_quarter_hours ${SUMS}
   SELECT o.id, date_trunc('hour', '${NOW}'::timestamptz, 'UTC') - h * interval '1 hour', k, ${COUNTS}, 1 + random(), 0
     FROM organizations o, generate_series(0, ${HOUR_DAYS * 24}) h, generate_series(0, ${SERIES} - 1) k`,
  'ANALYZE',
];

async function fill(database: Database, organizations: number): Promise<void> {
  for (const statement of FILL) {
    const values = statement.includes('$1') ? [organizations] : [];
    await database.pool.query(statement, values);
  }
}

/** Measures the first run of a day, which makes the bands of hours, and those that follow it. */
export async function measurePass(organizations: number): Promise<void> {
  const folder = await openDataFolder();
  try {
    const admin = openDatabase({
      connectionString: folder.postgres.connectionString,
      connections: 1,
      onError: () => {},
    });
    await admin.pool.query(`CREATE DATABASE ${DATABASE}`);
    await admin.close();
    const url = new URL(folder.postgres.connectionString);
    url.pathname = `/${DATABASE}`;
    await migrateDatabase(url.href);
    const database = openDatabase({ connectionString: url.href, connections: 3, onError: () => {} });
    await fill(database, organizations);
    const resources = { database, clock: () => NOW_MS, log: pino(), bands: createKnownBands() };
    for (let pass = 1; pass <= PASSES; pass++) {
      const [startedMs, cpu] = [performance.now(), process.cpuUsage()];
      const raised = await detectAnomalies(resources, new AbortController().signal);
      const { user, system } = process.cpuUsage(cpu);
      const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
      const own = ((user + system) / 1e6).toFixed(1);
      const memory = Math.round(process.memoryUsage().rss / 2 ** 20);
      console.log(
        `pass ${pass}: ${organizations} organizations, ${seconds} s, of it ${own} s own CPU, ${memory} MiB, ${raised} raised`,
      );
    }
    await database.close();
  } finally {
    await folder.remove();
  }
}
