import type { Metrics } from '../../../platform/metrics/metrics.ts';
import type { FollowedCatalog } from '../import/follow-catalog.ts';

/** What became of a source that was read. */
export type FeedOutcome = 'imported' | 'unchanged' | 'unreachable' | 'invalid';

/** How often this process read each source, by what became of it. */
export interface FeedCounts {
  count(source: string, outcome: FeedOutcome): void;
}

interface Counted {
  source: string;
  outcome: FeedOutcome;
  value: number;
}

/** Starts counting, and shows the counts and the age of the catalog in force. */
export function measureFeeds(metrics: Metrics, catalog: FollowedCatalog): FeedCounts {
  const counts = new Map<string, Counted>();
  metrics.add({
    name: 'meterr_price_feed_imports_total',
    help: 'Sources of prices that this process read, by source and by what became of it.',
    label: ['source', 'outcome'],
    read: () => [...counts.values()].map(({ source, outcome, value }) => ({ labels: { source, outcome }, value })),
  });
  metrics.add({
    name: 'meterr_price_catalog_age_seconds',
    help: 'Time since the price catalog in use was imported.',
    read: () => Math.max(0, (Date.now() - catalog.importedAtMs()) / 1000),
  });
  return {
    count(source, outcome) {
      const key = `${source}\n${outcome}`;
      counts.set(key, { source, outcome, value: (counts.get(key)?.value ?? 0) + 1 });
    },
  };
}
