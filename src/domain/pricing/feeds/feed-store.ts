import type { Sql } from '../../../platform/postgres/database.ts';
import { FEED_SOURCES, type FeedSource } from './feed-addresses.ts';

/** What was last accepted of a source. */
export interface StoredFeed {
  source: FeedSource;
  version: string;
  /** The text as it was read. */
  body: string;
  readAtMs: number;
}

interface Row {
  source: string;
  version: string;
  body: string;
  read_at: Date;
}

/** The texts of all sources that were ever read. */
export async function listFeeds(sql: Sql): Promise<StoredFeed[]> {
  const { rows } = await sql.query<Row>('SELECT source, version, body, read_at FROM price_feeds');
  return FEED_SOURCES.flatMap((source) => {
    const row = rows.find((one) => one.source === source);
    return row ? [{ source, version: row.version, body: row.body, readAtMs: row.read_at.getTime() }] : [];
  });
}

/** Keeps the texts in place of those before. */
export async function keepFeeds(sql: Sql, feeds: readonly StoredFeed[]): Promise<void> {
  for (const { source, version, body, readAtMs } of feeds) {
    await sql.query(
      `INSERT INTO price_feeds (source, version, body, read_at) VALUES ($1, $2, $3, $4)
       ON CONFLICT (source) DO UPDATE SET version = $2, body = $3, read_at = $4`,
      [source, version, body, new Date(readAtMs)],
    );
  }
}
