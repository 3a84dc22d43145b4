import type { Sql } from '../../../platform/postgres/database.ts';
import type { Resources } from '../../context.ts';
import type { SourceData } from '../catalog/sheets/source-data.ts';
import { SHIPPED_AT_MS } from '../catalog/sources.ts';
import { type Imported, importFeeds, LostModels } from '../import/import-catalog.ts';
import type { Catalog } from '../price/catalog.ts';
import { checkFeed } from './check-feed.ts';
import { combineFeeds } from './combine-feeds.ts';
import { FEED_SOURCES, type FeedAddress } from './feed-addresses.ts';
import { FeedFailure } from './feed-failure.ts';
import { type FeedRead, type FeedReport, failedRead, tellReport } from './feed-report.ts';
import { keepFeeds, listFeeds, type StoredFeed } from './feed-store.ts';
import { type FreshFeed, fetchFeed } from './fetch-feed.ts';
import type { ReadFeedOptions } from './read-feed.ts';

export type FeedResources = Pick<Resources, 'config' | 'database' | 'log' | 'clock' | 'catalog' | 'feedCounts'>;

export interface FeedOptions extends ReadFeedOptions {
  /** When the sources are read, in epoch milliseconds; by default now, by the domain's clock. */
  nowMs?: number;
}

/** An address, and what was read there or why nothing was. */
interface Tried {
  address: FeedAddress;
  result: FreshFeed | FeedFailure;
}

async function tryFeed(address: FeedAddress, fetch: Promise<FreshFeed>): Promise<Tried> {
  try {
    return { address, result: await fetch };
  } catch (error) {
    if (error instanceof FeedFailure) return { address, result: error };
    throw error;
  }
}

/** Of two addresses whose content is of one source, the first counts. */
function refuseTwins(tried: readonly Tried[]): Tried[] {
  const sources = tried.map(({ result }) => (result instanceof FeedFailure ? null : result.data.name));
  return tried.map((one, index) => {
    const source = sources[index] ?? null;
    if (source === null || sources.indexOf(source) === index) return one;
    return { ...one, result: new FeedFailure('invalid', `another address has ${source} already`) };
  });
}

/**
 * What is combined: what was read now, else what was read before, unless this version of Meterr brings a
 * newer copy.
 */
function latestOf(fresh: readonly FreshFeed[], known: readonly StoredFeed[]): SourceData[] {
  return FEED_SOURCES.flatMap((source) => {
    const read = fresh.find(({ data }) => data.name === source);
    if (read) return read.data;
    const stored = known.find((one) => one.source === source && one.readAtMs > SHIPPED_AT_MS);
    return stored ? checkFeed(source, stored.body, stored.version) : [];
  });
}

async function combine(feeds: readonly SourceData[], nowMs: number): Promise<Catalog> {
  try {
    return await combineFeeds(feeds, nowMs);
  } catch (error) {
    throw new FeedFailure('invalid', error instanceof Error ? error.message : String(error));
  }
}

const NOTHING: Imported = { isImported: false, changed: 0, refused: [] };

/** Null failure: what is fresh was taken over. */
function reportOf(tried: readonly Tried[], imported: Imported, failure: FeedFailure | null): FeedReport {
  const sources = tried.map(({ address, result }): FeedRead => {
    if (result instanceof FeedFailure) return failedRead(address, address.source, result);
    const { name: source } = result.data;
    if (failure !== null) return failedRead(address, source, failure);
    return { address, source, outcome: result.isNew ? 'imported' : 'unchanged', reason: null };
  });
  return { ...imported, sources };
}

async function importAll(
  { database }: FeedResources,
  tried: readonly Tried[],
  known: readonly StoredFeed[],
  nowMs: number,
): Promise<FeedReport> {
  const fresh = tried.flatMap(({ result }) => (result instanceof FeedFailure ? [] : result));
  if (fresh.length === 0) return reportOf(tried, NOTHING, null);
  try {
    const catalog = await combine(latestOf(fresh, known), nowMs);
    const keep = (sql: Sql) =>
      keepFeeds(
        sql,
        fresh.map(({ stored }) => stored),
      );
    return reportOf(tried, await importFeeds(database, { catalog, asOfMs: nowMs, nowMs, keep }), null);
  } catch (error) {
    if (error instanceof LostModels) return reportOf(tried, NOTHING, new FeedFailure('invalid', error.message));
    if (error instanceof FeedFailure) return reportOf(tried, NOTHING, error);
    throw error;
  }
}

/**
 * Reads the sources that the configuration names, and imports what they say as a new version of the
 * catalog. A source that fails keeps its last text; the other one is imported all the same. Nothing
 * that is recorded is touched. Failures of sources are logged, counted and reported, never thrown.
 * @throws the driver's error, and the reason of `signal` where it is aborted
 */
export async function readPriceFeeds(resources: FeedResources, options: FeedOptions = {}): Promise<FeedReport> {
  const { config, database, clock, catalog } = resources;
  const { nowMs = clock(), ...limits } = options;
  const known = await listFeeds(database.pool);
  const read = config.priceFeeds.map((address) =>
    tryFeed(address, fetchFeed(resources, address, { ...limits, nowMs, known })),
  );
  const tried = refuseTwins(await Promise.all(read));
  // What was given up for the end of the server is no failure of its source.
  options.signal?.throwIfAborted();
  const report = await importAll(resources, tried, known, nowMs);
  await catalog.poll();
  tellReport(resources, report);
  return report;
}
