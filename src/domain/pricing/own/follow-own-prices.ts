import type { Log } from '../../../platform/log.ts';
import { oneAtATime } from '../../../platform/one-at-a-time.ts';
import type { Database } from '../../../platform/postgres/database.ts';
import type { TenantChanges } from '../../access/tenant-changes.ts';
import { loadOwnPrices } from '../book/load-own-prices.ts';
import { type PriceBook, setOverrides } from '../book/price-book.ts';

/** How soon a read that failed is repeated. */
const RETRY_AFTER_MS = 250;
/** Organizations that one statement reads. */
const LOADED_AT_ONCE = 100;

/** The own prices and aliases in a book, which follow what this process and others change. */
export interface FollowedOwnPrices {
  /**
   * Takes over now what was committed of an organization before the call.
   * @throws the driver's error; it is then read again by itself
   */
  refresh(organizationId: string): Promise<void>;
  /** Stops following. */
  close(): Promise<void>;
}

interface Version {
  id: string;
  price_version: number;
}

interface FollowOptions {
  database: Database;
  changes: TenantChanges;
  book: PriceBook;
  log: Log;
}

/**
 * Follows changes of organizations: of one whose `price_version` is another, what it has of its own is read
 * again, and nothing else. One read runs at a time, so an older one never replaces a newer one.
 */
export async function followOwnPrices({ database, changes, book, log }: FollowOptions): Promise<FollowedOwnPrices> {
  const { pool } = database;
  const versions = new Map<string, number>();
  const changed = new Set<string>();
  let mayAllHaveChanged = true;
  let timer: NodeJS.Timeout | undefined;
  let isFailing = false;
  let isClosed = false;

  async function readVersions(organizationIds: readonly string[] | null): Promise<Map<string, number>> {
    const { rows } =
      organizationIds === null
        ? await pool.query<Version>('SELECT id, price_version FROM organizations WHERE price_version > 0')
        : await pool.query<Version>({
            name: 'price-versions',
            text: 'SELECT id, price_version FROM organizations WHERE id = ANY ($1::uuid[])',
            values: [organizationIds],
          });
    return new Map(rows.map((row) => [row.id, row.price_version]));
  }

  /** The versions are read before what they count: what comes between is read once more. */
  async function take(asked: readonly string[] | null): Promise<void> {
    const found = await readVersions(asked);
    // A database that was lost may come back as an older copy, where nothing was changed yet.
    if (asked === null) for (const id of versions.keys()) if (!found.has(id)) found.set(id, 0);
    const outdated = [...found].filter(([id, version]) => version !== (versions.get(id) ?? 0));
    for (let at = 0; at < outdated.length; at += LOADED_AT_ONCE) {
      const some = outdated.slice(at, at + LOADED_AT_ONCE);
      const own = await loadOwnPrices(
        pool,
        some.map(([id]) => id),
      );
      for (const [id, version] of some) {
        const { prices, aliases } = own.get(id) ?? { prices: [], aliases: [] };
        setOverrides(book, id, prices, aliases);
        versions.set(id, version);
      }
    }
  }

  async function takeChanged(): Promise<void> {
    const asked = mayAllHaveChanged ? null : [...changed];
    mayAllHaveChanged = false;
    changed.clear();
    if (asked?.length === 0) return;
    try {
      await take(asked);
    } catch (error) {
      if (asked === null) mayAllHaveChanged = true;
      else for (const id of asked) changed.add(id);
      throw error;
    }
  }

  const reads = oneAtATime(takeChanged);

  async function readByItself(): Promise<void> {
    try {
      await reads.run();
      isFailing = false;
    } catch (error) {
      if (isClosed) return;
      if (!isFailing) log.warn({ err: error }, 'prices of organizations could not be read');
      isFailing = true;
      clearTimeout(timer);
      timer = setTimeout(readByItself, RETRY_AFTER_MS).unref();
    }
  }

  await reads.run();
  const unfollow = changes.onChange((organizationId) => {
    if (organizationId === null) mayAllHaveChanged = true;
    else changed.add(organizationId);
    void readByItself();
  });
  return {
    async refresh(organizationId) {
      changed.add(organizationId);
      try {
        await database.retryingLostConnections(reads.run);
      } catch (error) {
        void readByItself();
        throw error;
      }
    },
    async close() {
      isClosed = true;
      unfollow();
      clearTimeout(timer);
      await reads.idle();
    },
  };
}
