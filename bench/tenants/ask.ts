import type { StartedMeterr } from '../harness/bench.ts';
import type { TenantsDatabase } from './tenants-database.ts';

const LIMIT_MS = 60_000;

/** An answer, or why there is none: `cut` after a minute, or what a status other than 200 said. */
export interface Asked {
  ms: number;
  body: string;
  failure: string | null;
}

/**
 * Asks once, from the first byte out to the last byte in. After a minute it gives up and cancels
 * what runs.
 */
export async function ask(database: TenantsDatabase, server: StartedMeterr, key: string, path: string): Promise<Asked> {
  const startMs = performance.now();
  const elapsed = () => performance.now() - startMs;
  try {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
      headers: { Authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const body = await response.text();
    return { ms: elapsed(), body, failure: response.ok ? null : `${response.status} ${body.slice(0, 200)}` };
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'TimeoutError')) throw error;
    const ms = elapsed();
    await database.cancelAll();
    return { ms, body: '', failure: `cut after ${LIMIT_MS / 1000} s` };
  }
}
