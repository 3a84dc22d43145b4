import type { Bench } from '../harness/bench.ts';
import { runVerify, type VerifyOptions } from './run-verify.ts';
import type { TenantsDatabase } from './tenants-database.ts';

const LIMIT_SECONDS = 120;
const LONG_LIMIT_SECONDS = 900;

/**
 * Verifies all sums and reports the time. What does not end is repeated without nested loops: the
 * sums must be clean in any case. Returns how to verify from now on.
 * @throws Error when they are not clean, or are not verified in a quarter of an hour
 */
export async function measureVerify(bench: Bench, database: TenantsDatabase): Promise<VerifyOptions> {
  const planned: VerifyOptions = { limitSeconds: LIMIT_SECONDS, plans: 'as planned' };
  const forced: VerifyOptions = { limitSeconds: LONG_LIMIT_SECONDS, plans: 'hash joins' };
  const seconds = await runVerify(database, planned);
  const again = seconds === null ? await requireVerified(database, forced) : null;
  const note = again === null ? 'clean' : `NOT ENDED; clean in ${Math.round(again)} s without nested loops`;
  bench.report({ row: 'tenants', what: 'npm run verify', value: seconds ?? LIMIT_SECONDS, unit: 's', note });
  return seconds === null ? forced : { ...planned, limitSeconds: LONG_LIMIT_SECONDS };
}

/** The same where it must end. @throws Error when it does not, or when the sums are not clean */
export async function requireVerified(database: TenantsDatabase, options: VerifyOptions): Promise<number> {
  const seconds = await runVerify(database, options);
  if (seconds === null) throw new Error(`npm run verify did not end in ${options.limitSeconds} s`);
  return seconds;
}
