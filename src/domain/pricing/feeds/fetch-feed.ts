import { createHash } from 'node:crypto';
import type { Resources } from '../../context.ts';
import type { SourceData } from '../catalog/sheets/source-data.ts';
import { MIN_SHARE_OF_MODELS } from '../import/import-catalog.ts';
import { checkFeed, sourceOf } from './check-feed.ts';
import type { FeedAddress, FeedSource } from './feed-addresses.ts';
import { FeedFailure } from './feed-failure.ts';
import type { StoredFeed } from './feed-store.ts';
import { type ReadFeedOptions, readFeed } from './read-feed.ts';

export interface FetchOptions extends ReadFeedOptions {
  nowMs: number;
  /** What was accepted before. */
  known: readonly StoredFeed[];
}

/** A source that was read now, whole and valid. */
export interface FreshFeed {
  data: SourceData;
  stored: StoredFeed;
  /** Whether it says something else than when it was read before. */
  isNew: boolean;
}

const HASH_LENGTH = 12;

/** The day on which a text was first seen, and the start of its hash. */
function versionOf(body: string, nowMs: number, before: StoredFeed | undefined): string {
  const hash = createHash('sha256').update(body).digest('hex').slice(0, HASH_LENGTH);
  if (before?.version.endsWith(`.${hash}`)) return before.version;
  return `${new Date(nowMs).toISOString().slice(0, 10)}.${hash}`;
}

/** How many models of a source are in force, where its own text was never read. */
async function countInForce({ database }: Pick<Resources, 'database'>, source: FeedSource): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    `SELECT count(DISTINCT (p.provider, p.model))::int AS count
       FROM catalog_entries c JOIN prices p ON p.id = c.price_id WHERE c.sources @> $1::jsonb`,
    [JSON.stringify([{ name: source }])],
  );
  return rows[0]?.count ?? 0;
}

const modelsOf = ({ source, body, version }: StoredFeed) => checkFeed(source, body, version).models.length;

/**
 * Reads a source, and holds it against what was known of it.
 * @throws FeedFailure where it cannot be read, or cannot be right; and the driver's error
 */
export async function fetchFeed(
  resources: Pick<Resources, 'database'>,
  address: FeedAddress,
  options: FetchOptions,
): Promise<FreshFeed> {
  const { nowMs, known } = options;
  const body = await readFeed(address, options);
  const source = address.source ?? sourceOf(body);
  const before = known.find((one) => one.source === source);
  const version = versionOf(body, nowMs, before);
  const data = checkFeed(source, body, version);
  const isNew = version !== before?.version;
  const models = data.models.length;
  const knownModels = before && isNew ? modelsOf(before) : await countInForce(resources, source);
  if (models < knownModels * MIN_SHARE_OF_MODELS) {
    throw new FeedFailure('invalid', `the answer has ${models} models, where ${knownModels} were known`);
  }
  const stored = { source, version, body, readAtMs: nowMs };
  return { data, stored, isNew };
}
