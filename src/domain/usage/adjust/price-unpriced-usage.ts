import type { Database } from '../../../platform/postgres/database.ts';
import type { Resources } from '../../context.ts';
import { loadCatalog, loadPriceBook } from '../../pricing/book/load-price-book.ts';
import { type AdjustingResources, adjustUsage } from './adjust-usage.ts';
import { findUnpriced } from './find-unpriced.ts';
import { markCorrected } from './mark-corrected.ts';
import { priceAgain } from './price-again.ts';

/** Every ten minutes it is asked whether a catalog came that unpriced events were not held against. */
export const PRICE_UNPRICED_SCHEDULE = '*/10 * * * *';

export interface PricingLaterResources extends AdjustingResources {
  config: Pick<Resources['config'], 'priceUnpricedLater'>;
}

/**
 * So long after the import of a catalog other processes may still price by the one before: what they
 * record meanwhile is looked at again.
 */
const SETTLED_AFTER = "interval '5 minutes'";

interface NewCatalog {
  version: string;
  settled: boolean;
}

/** The newest catalog, where unpriced events were not yet held against it. */
async function findNewCatalog({ pool }: Database): Promise<NewCatalog | null> {
  const { rows } = await pool.query<NewCatalog & { priced_later_at: Date | null }>(
    `SELECT version, priced_later_at, imported_at < now() - ${SETTLED_AFTER} AS settled FROM catalog_versions
      ORDER BY imported_at DESC LIMIT 1`,
  );
  const newest = rows[0];
  return newest && newest.priced_later_at === null ? newest : null;
}

/**
 * Gives events that were recorded without a known cost the price of their model, where it has become
 * known since: the one in force at their own time. Once for each catalog: it is done when all events
 * were looked at. Killed at any line, it begins again, and what has its price keeps it; several may
 * run at once. Costs that callers gave stay.
 * @param signal aborted: the step under way is rolled back, and the call rejects with the signal's
 * reason
 * @returns how many events were priced
 */
export async function priceUnpricedUsage(resources: PricingLaterResources, signal?: AbortSignal): Promise<number> {
  const { config, database, clock } = resources;
  if (!config.priceUnpricedLater) return 0;
  const catalog = await findNewCatalog(database);
  if (catalog === null) return 0;
  // What this process prices by may be older than what another has imported.
  const book = await loadPriceBook(database.pool, await loadCatalog(database.pool));
  let priced = 0;
  for await (const events of findUnpriced(database)) {
    signal?.throwIfAborted();
    const wanted = events.filter((event) => priceAgain(book, event) !== null);
    const open = (await markCorrected(database.pool, wanted)).filter(
      ({ cost, voidedById }) => cost === null && voidedById === null,
    );
    const organizationId = open[0]?.organizationId;
    if (organizationId === undefined) continue;
    const price = (event: (typeof open)[number]) => (event.cost === null ? priceAgain(book, event) : null);
    const ids = open.map(({ id }) => id);
    priced += await adjustUsage(resources, { organizationId, ids, reason: 'priced_later', price }, signal);
  }
  if (catalog.settled) {
    const values = [catalog.version, new Date(clock())];
    await database.pool.query('UPDATE catalog_versions SET priced_later_at = $2 WHERE version = $1', values);
  }
  return priced;
}
