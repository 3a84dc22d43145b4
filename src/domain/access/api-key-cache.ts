import { createBatchLoader } from '../../platform/batch-loader.ts';
import { setBounded } from '../../platform/bounded-map.ts';
import type { Log } from '../../platform/log.ts';
import type { Database } from '../../platform/postgres/database.ts';
import { hashApiKeySecret } from './api-key-secret.ts';
import type { StoredApiKey } from './stored-api-key.ts';
import type { TenantChanges } from './tenant-changes.ts';

const MAX_CACHED_KEYS = 100_000;
const LAST_USED_EVERY_MS = 10_000;

/**
 * Reads the keys with these SHA-256 hashes, in their order; null where there is none. What else it
 * learns of their organizations it may remember.
 */
export type LoadApiKeys = (hashes: readonly Uint8Array[]) => Promise<(StoredApiKey | null)[]>;

/**
 * Looks keys up by secret, remembers them until their organization is changed, and writes last-used
 * times in one statement now and then.
 */
export interface ApiKeyCache {
  find(secret: string): Promise<StoredApiKey | null>;
  /** The key when this process knows it; null says only "ask". */
  peek(secret: string): StoredApiKey | null;
  markUsed(apiKeyId: string): void;
  close(): Promise<void>;
}

interface Entry {
  key: StoredApiKey;
  /** See TenantChanges. */
  moment: number;
}

export interface ApiKeyCacheOptions {
  database: Database;
  changes: TenantChanges;
  load: LoadApiKeys;
  clock: () => number;
  log: Log;
}

/**
 * The cache is keyed by the secret's own text, held in memory only: a hit costs no hash. Unknown
 * secrets are never cached, so guessing cannot fill it.
 */
export function createApiKeyCache({ database, changes, load, clock, log }: ApiKeyCacheOptions): ApiKeyCache {
  const entries = new Map<string, Entry>();
  const lastUsed = new Map<string, number>();
  const stored = createBatchLoader(load);

  async function flushLastUsed(): Promise<void> {
    if (lastUsed.size === 0) return;
    const ids = [...lastUsed.keys()];
    const times = [...lastUsed.values()].map((time) => new Date(time).toISOString());
    lastUsed.clear();
    await database.pool.query(
      `UPDATE api_keys k SET last_used_at = u.at
         FROM unnest($1::uuid[], $2::timestamptz[]) AS u(id, at)
        WHERE k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at < u.at)`,
      [ids, times],
    );
  }

  const timer = setInterval(() => {
    flushLastUsed().catch((error) => log.warn({ err: error }, 'last-used times of API keys were not written'));
  }, LAST_USED_EVERY_MS);
  timer.unref();

  function peek(secret: string): StoredApiKey | null {
    const known = entries.get(secret);
    return known && changes.isCurrent(known.key.caller.organization.id, known.moment) ? known.key : null;
  }

  return {
    peek,
    async find(secret) {
      const known = peek(secret);
      if (known) return known;
      const moment = changes.moment();
      const key = await stored.load(hashApiKeySecret(secret));
      if (key === null) {
        entries.delete(secret);
        return null;
      }
      setBounded(entries, secret, { key, moment }, MAX_CACHED_KEYS);
      return key;
    },
    markUsed: (apiKeyId) => lastUsed.set(apiKeyId, clock()),
    async close() {
      clearInterval(timer);
      await flushLastUsed();
    },
  };
}
