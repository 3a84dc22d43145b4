import { createBatchLoader } from '../../platform/batch-loader.ts';
import { setBounded } from '../../platform/bounded-map.ts';
import type { Log } from '../../platform/log.ts';
import type { Database } from '../../platform/postgres/database.ts';
import { hashApiKeySecret } from './api-key-secret.ts';
import type { StoredApiKey } from './stored-api-key.ts';
import type { TenantChanges } from './tenant-changes.ts';

const MAX_CACHED_KEYS = 100_000;
const LAST_USED_EVERY_MS = 10_000;
/** Last-used times are kept to the minute: a key that is used all the time is written once in it. */
const MINUTE_MS = 60_000;

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
    const minutes = [...lastUsed.values()].map((time) => new Date(time - (time % MINUTE_MS)).toISOString());
    lastUsed.clear();
    // A row that is being changed is left out until the key is used again: whoever waits for several
    // rows, in no order, may wait in a circle.
    await database.pool.query(
      `WITH used AS (
         SELECT k.id, u.at FROM unnest($1::uuid[], $2::timestamptz[]) AS u(id, at) JOIN api_keys k ON k.id = u.id
          WHERE k.last_used_at IS NULL OR k.last_used_at < u.at FOR NO KEY UPDATE OF k SKIP LOCKED)
       UPDATE api_keys k SET last_used_at = used.at FROM used WHERE k.id = used.id`,
      [ids, minutes],
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
