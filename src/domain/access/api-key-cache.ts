import { createBatchLoader } from '../../platform/batch-loader.ts';
import { setBounded } from '../../platform/bounded-map.ts';
import type { Log } from '../../platform/log.ts';
import type { Database } from '../../platform/postgres/database.ts';
import { hashApiKeySecret } from './api-key-secret.ts';
import { findApiKeys, type StoredApiKey } from './find-api-key.ts';

/** How long another process may go on accepting a key after it was revoked, at most. */
const FRESH_FOR_MS = 5_000;
const MAX_CACHED_KEYS = 100_000;
const LAST_USED_EVERY_MS = 10_000;

/**
 * Looks keys up by secret, remembers them briefly, and writes last-used times in one statement now
 * and then.
 */
export interface ApiKeyCache {
  find(secret: string): Promise<StoredApiKey | null>;
  /** The key when this process knows it freshly; null says only "ask". */
  peek(secret: string): StoredApiKey | null;
  /** Forgets everything: after a key or organization was changed in this process. */
  clear(): void;
  markUsed(apiKeyId: string): void;
  close(): Promise<void>;
}

interface Entry {
  key: StoredApiKey;
  freshUntil: number;
}

/**
 * The cache is keyed by the secret's own text, held in memory only: a hit costs no hash. Unknown
 * secrets are never cached, so guessing cannot fill it.
 */
export function createApiKeyCache(database: Database, clock: () => number, log: Log): ApiKeyCache {
  const entries = new Map<string, Entry>();
  const lastUsed = new Map<string, number>();
  const stored = createBatchLoader((hashes: readonly Uint8Array[]) =>
    database.retryingLostConnections(() => findApiKeys(database.pool, hashes)),
  );

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
    return known && known.freshUntil > clock() ? known.key : null;
  }

  return {
    peek,
    async find(secret) {
      const now = clock();
      const known = peek(secret);
      if (known) return known;
      const key = await stored.load(hashApiKeySecret(secret));
      if (key === null) {
        entries.delete(secret);
        return null;
      }
      setBounded(entries, secret, { key, freshUntil: now + FRESH_FOR_MS }, MAX_CACHED_KEYS);
      return key;
    },
    clear: () => entries.clear(),
    markUsed: (apiKeyId) => lastUsed.set(apiKeyId, clock()),
    async close() {
      clearInterval(timer);
      await flushLastUsed();
    },
  };
}
