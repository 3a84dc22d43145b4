import { stableJson } from '../../../platform/json/json.ts';
import type { Database, Sql } from '../../../platform/postgres/database.ts';
import { queueJob } from '../../../platform/postgres/jobs.ts';
import { DAY_MS } from '../../../platform/time.ts';
import { ENTRY_COLUMNS, PRICE_COLUMNS, type PriceRow, readPrice } from '../book/price-row.ts';
import type { Catalog } from '../price/catalog.ts';
import type { Price } from '../price/price.ts';
import { mergeCatalog, type RefusedPrice } from './merge-catalog.ts';
import { writeCatalog } from './write-catalog.ts';

/** Serializes imports among processes. Any number that no other lock uses will do. */
const ADVISORY_LOCK = 6_384_377_002;
/** Queued with an import that changed prices: events that had no price may have one now. */
export const PRICE_UNPRICED_JOB = 'price-unpriced-usage';
/** By then every process, whichever runs the job, has the new prices (`follow-catalog.ts`). */
const UNPRICED_AFTER_MS = 5_000;
/** A list with fewer models than this part of those that are known was cut short somewhere. */
export const MIN_SHARE_OF_MODELS = 0.5;

export interface CatalogImport {
  catalog: Pick<Catalog, 'version' | 'providers' | 'prices'>;
  /** When its sources said so, in epoch milliseconds: an older catalog is not imported. */
  asOfMs: number;
  /** Now: a change holds from the day on which it was seen. */
  nowMs: number;
}

export interface FeedImport extends CatalogImport {
  /** Writes, in the same transaction, what the catalog was made of. */
  keep(sql: Sql): Promise<void>;
}

/** A catalog has lost more than half of its models, so it is not whole. */
export class LostModels extends Error {
  override readonly name = 'LostModels';

  constructor(models: number, known: number) {
    super(`the sources state ${models} models, where ${known} were known`);
  }
}

export interface Imported {
  /** Whether this call made a new version. */
  isImported: boolean;
  /** How many sheets are new. */
  changed: number;
  refused: RefusedPrice[];
}

interface Newest {
  version: string;
  as_of: Date;
}

const NOTHING: Imported = { isImported: false, changed: 0, refused: [] };

async function readNewest(sql: Sql): Promise<Newest | null> {
  const { rows } = await sql.query<Newest>(
    'SELECT version, as_of FROM catalog_versions ORDER BY imported_at DESC LIMIT 1',
  );
  return rows[0] ?? null;
}

/** Whether a version was imported, now or ever. */
export async function isCatalogKnown(sql: Sql, version: string): Promise<boolean> {
  const { rowCount } = await sql.query('SELECT FROM catalog_versions WHERE version = $1', [version]);
  return rowCount === 1;
}

/** Sources may go back to what they said before, and a correction of ours may change what follows. */
async function freeVersion(sql: Sql, version: string): Promise<string> {
  const { rows } = await sql.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM catalog_versions WHERE version = $1 OR starts_with(version, $1 || ' #')",
    [version],
  );
  const count = rows[0]?.count ?? 0;
  return count === 0 ? version : `${version} #${count + 1}`;
}

async function readInForce(sql: Sql): Promise<Price[]> {
  const { rows } = await sql.query<PriceRow>(
    `SELECT ${PRICE_COLUMNS}, ${ENTRY_COLUMNS}, c.ordinal FROM catalog_entries c JOIN prices p ON p.id = c.price_id
      WHERE c.version = (SELECT version FROM catalog_versions ORDER BY imported_at DESC LIMIT 1) ORDER BY c.ordinal`,
  );
  return rows.map(readPrice);
}

const dayOf = (timeMs: number) => timeMs - (timeMs % DAY_MS);

/** What a version says, apart from its name. */
function saying(prices: readonly Price[]): string {
  return stableJson(prices.map(({ id, agreement, sources, dispute }) => [id, agreement, sources, dispute]));
}

function countModels(prices: readonly Price[]): number {
  return new Set(prices.map(({ provider, model }) => `${provider}\n${model}`)).size;
}

interface Merge {
  isGuarded: boolean;
  known: readonly Price[];
}

async function mergeAndWrite(sql: Sql, given: CatalogImport, { known, isGuarded }: Merge): Promise<Imported> {
  const { catalog, nowMs } = given;
  const { prices, refused } = mergeCatalog(known, catalog, { dayMs: dayOf(nowMs), isGuarded });
  if (saying(prices) === saying(known)) return { ...NOTHING, refused };
  const before = new Set(known.map(({ id }) => id));
  const changed = prices.filter(({ id }) => !before.has(id)).length;
  await writeCatalog(sql, { ...catalog, prices }, given.asOfMs);
  if (changed > 0 && known.length > 0) await queueJob(sql, PRICE_UNPRICED_JOB, UNPRICED_AFTER_MS);
  return { isImported: true, changed, refused };
}

/**
 * Imports the catalog that this version of Meterr brings, unless it was imported before, or a newer
 * one was. When several processes start at once, one imports and the others wait.
 */
export async function importCatalog(database: Database, given: CatalogImport): Promise<Imported> {
  const { version } = given.catalog;
  if (await isCatalogKnown(database.pool, version)) return NOTHING;
  return database.transaction(async (sql) => {
    await sql.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    const newest = await readNewest(sql);
    if (newest !== null && (newest.as_of.getTime() > given.asOfMs || (await isCatalogKnown(sql, version))))
      return NOTHING;
    return mergeAndWrite(sql, given, { known: await readInForce(sql), isGuarded: false });
  });
}

/**
 * Imports what the feeds say, and keeps what it was made of, in one transaction. Prices that move by more than
 * ten times stay as they were.
 * @throws LostModels where the catalog has lost more than half of its models
 */
export async function importFeeds(database: Database, given: FeedImport): Promise<Imported> {
  return database.transaction(async (sql) => {
    await sql.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    const known = await readInForce(sql);
    const [models, knownModels] = [countModels(given.catalog.prices), countModels(known)];
    if (models < knownModels * MIN_SHARE_OF_MODELS) throw new LostModels(models, knownModels);
    await given.keep(sql);
    const newest = await readNewest(sql);
    const asOfMs = Math.max(given.asOfMs, newest?.as_of.getTime() ?? 0);
    const catalog = { ...given.catalog, version: await freeVersion(sql, given.catalog.version) };
    const imported = await mergeAndWrite(sql, { ...given, catalog, asOfMs }, { known, isGuarded: true });
    if (!imported.isImported && newest !== null) {
      await sql.query('UPDATE catalog_versions SET as_of = $2 WHERE version = $1', [newest.version, new Date(asOfMs)]);
    }
    return imported;
  });
}
