import { startChild } from '../harness/child.ts';
import { within } from '../harness/within.ts';
import { DATABASE, type TenantsDatabase } from './tenants-database.ts';

const END = /Every sum equals its ledger\.|[\s\S]*The sums differ from the ledger\./;

export interface VerifyOptions {
  limitSeconds: number;
  /**
   * `hash joins` keeps the planner from nested loops, so that the sums are verified whatever it
   * thinks.
   */
  plans: 'as planned' | 'hash joins';
}

/**
 * Analyzes, since autovacuum is off, and runs what `npm run verify` runs. Returns its seconds, or
 * null when it did not end within the limit.
 * @throws Error with what it found when the sums are not clean
 */
export async function runVerify(database: TenantsDatabase, options: VerifyOptions): Promise<number | null> {
  const { sql, connectionString, folder, terminateAll } = database;
  await sql.query('ANALYZE');
  if (options.plans === 'hash joins') await sql.query(`ALTER DATABASE ${DATABASE} SET enable_nestloop = off`);
  const startMs = performance.now();
  const env = { DATABASE_URL: connectionString, METERR_DATA_DIR: folder };
  const child = startChild({ script: 'src/verify.ts', env });
  const said = child.waitFor(END).then(([text]) => text);
  said.catch(() => {});
  let isLate = false;
  try {
    const text = await within(said, options.limitSeconds * 1000, 'npm run verify').catch((error: Error) => {
      isLate = child.process.exitCode === null && child.process.signalCode === null;
      if (!isLate) throw error;
      return '';
    });
    if (text.includes('differ')) throw new Error(`npm run verify: ${text}`);
  } finally {
    await child.stop();
    if (isLate) await terminateAll();
    await sql.query(`ALTER DATABASE ${DATABASE} RESET enable_nestloop`);
  }
  return isLate ? null : (performance.now() - startMs) / 1000;
}
