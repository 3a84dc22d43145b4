import type { Resources } from '../../context.ts';
import type { Imported } from '../import/import-catalog.ts';
import type { FeedAddress, FeedSource } from './feed-addresses.ts';
import type { FeedOutcome } from './feed-counts.ts';
import type { FeedFailure } from './feed-failure.ts';
import { describeLocation } from './read-feed.ts';

/** What became of one source. */
export interface FeedRead {
  address: FeedAddress;
  /** Null: of one's own, and it could not be told which it is. */
  source: FeedSource | null;
  outcome: FeedOutcome;
  /** Why it was not imported; null where it was, or says nothing new. */
  reason: string | null;
}

/** What became of all of them. */
export interface FeedReport extends Imported {
  sources: FeedRead[];
}

/** In the log; `GET /v1/prices?agreement=disputed` lists them all. */
const MAX_REFUSED_LOGGED = 20;

export function failedRead(
  address: FeedAddress,
  source: FeedSource | null,
  { outcome, message }: FeedFailure,
): FeedRead {
  return { address, source, outcome, reason: message };
}

/** Logs in one line what was not imported and why, and counts what became of each source. */
export function tellReport({ log, feedCounts }: Pick<Resources, 'log' | 'feedCounts'>, report: FeedReport): void {
  const { sources, isImported, changed, refused } = report;
  for (const { address, source, outcome, reason } of sources) {
    const name = source ?? 'unknown';
    feedCounts.count(name, outcome);
    const from = { source: name, location: describeLocation(address.location), outcome };
    if (reason !== null) log.warn(from, `prices were not imported: ${reason}`);
  }
  if (isImported) log.info({ changed, refused: refused.length }, 'a newer price catalog was imported');
  if (refused.length > 0) {
    const some = refused.slice(0, MAX_REFUSED_LOGGED);
    log.warn({ refused: some, count: refused.length }, 'prices that moved by more than 10 times were not imported');
  }
}
