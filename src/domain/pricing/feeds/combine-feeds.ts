import { type Catalog, catalogOf, type GenaiProvider } from '../catalog/read-catalog.ts';
import type { CheckedFeed } from './check-feed.ts';

/** A source, and which version of it. */
export interface VersionedFeed {
  version: string;
  feed: CheckedFeed;
}

type GenaiData = Extract<CheckedFeed, { source: 'genai-prices' }>['data'];

/** The package says what kind a constraint is, the published data does not. */
function withKinds(data: GenaiData): GenaiProvider[] {
  return data.map(({ fallback_model_providers: fallbacks, ...provider }) => ({
    ...provider,
    fallback_model_providers: fallbacks ?? [],
    models: provider.models.map(({ prices, ...model }) => ({
      ...model,
      prices: Array.isArray(prices)
        ? prices.map(({ constraint, ...sheet }) => {
            if (!constraint) return sheet;
            return {
              ...sheet,
              constraint:
                'start_date' in constraint
                  ? { type: 'start_date' as const, ...constraint }
                  : { type: 'time_of_date' as const, ...constraint },
            };
          })
        : prices,
    })),
  }));
}

/** One catalog of what the sources say. */
export function combineFeeds(feeds: readonly VersionedFeed[]): Catalog {
  const version = feeds.map((one) => `${one.feed.source} ${one.version}`).join(', ');
  const genai = feeds.find(({ feed }) => feed.source === 'genai-prices');
  if (genai?.feed.source !== 'genai-prices') throw new Error('combining needs genai-prices');
  return { ...catalogOf(withKinds(genai.feed.data), genai.version), version };
}
