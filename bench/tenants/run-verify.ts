import { startChild } from '../harness/child.ts';
import type { TenantsDatabase } from './tenants-database.ts';
import { within } from './within.ts';

const LIMIT_MS = 900_000;
const END = /Every sum equals its ledger\.|[\s\S]*The sums differ from the ledger\./;

/**
 * Analyzes, since autovacuum is off, and runs what `npm run verify` runs. Returns its seconds.
 * @throws Error with what it found when the sums are not clean
 */
export async function runVerify({ sql, connectionString, folder }: TenantsDatabase): Promise<number> {
  await sql.query('ANALYZE');
  const startMs = performance.now();
  const env = { DATABASE_URL: connectionString, METERR_DATA_DIR: folder };
  const child = startChild({ script: 'src/verify.ts', env });
  try {
    const [said] = await within(child.waitFor(END), LIMIT_MS, 'npm run verify');
    if (said.includes('differ')) throw new Error(`npm run verify: ${said}`);
  } finally {
    await child.stop();
  }
  return (performance.now() - startMs) / 1000;
}
