import type { Sql } from '../../../platform/postgres/database.ts';
import type { Catalog } from '../price/catalog.ts';
import type { Price } from '../price/price.ts';

function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}

function timeOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : new Date(timeMs).toISOString();
}

/** Sheets are append-only: equal ones have the same id in every version. */
async function writeSheets(sql: Sql, prices: readonly Price[]): Promise<void> {
  await sql.query(
    `INSERT INTO prices (id, organization_id, provider, model, match, service_tier, region, valid_from,
                         valid_to, daily_window, units, source, source_version)
     SELECT id, NULL, provider, model, match, tier, region, valid_from, valid_to, daily_window, units, source, source_version
       FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::timestamptz[], $7::timestamptz[],
                   $8::jsonb[], $9::jsonb[], $10::text[], $11::text[], $12::text[])
         AS p(id, provider, model, match, tier, valid_from, valid_to, daily_window, units, source, region, source_version)
     ON CONFLICT (id) DO NOTHING`,
    [
      prices.map((price) => price.id),
      prices.map((price) => price.provider),
      prices.map((price) => price.model),
      prices.map((price) => JSON.stringify(price.match)),
      prices.map((price) => price.serviceTier),
      prices.map((price) => timeOrNull(price.validFrom)),
      prices.map((price) => timeOrNull(price.validTo)),
      prices.map((price) => jsonOrNull(price.dailyWindow)),
      prices.map((price) => JSON.stringify(price.units)),
      prices.map((price) => price.source),
      prices.map((price) => price.region),
      prices.map((price) => price.sourceVersion),
    ],
  );
}

/** What the sources say of each sheet, in the order that counts. */
async function writeEntries(sql: Sql, version: string, prices: readonly Price[]): Promise<void> {
  await sql.query(
    `INSERT INTO catalog_entries (version, ordinal, price_id, agreement, sources, dispute)
     SELECT $1, ordinal - 1, id, agreement, sources, dispute
       FROM unnest($2::uuid[], $3::text[], $4::jsonb[], $5::text[])
         WITH ORDINALITY AS e(id, agreement, sources, dispute, ordinal)`,
    [
      version,
      prices.map((price) => price.id),
      prices.map((price) => price.agreement),
      prices.map((price) => JSON.stringify(price.sources)),
      prices.map((price) => price.dispute),
    ],
  );
}

/**
 * Writes a version of the catalog, which is the one in force from the commit on. The entries of
 * earlier versions go; the sheets stay, so that the price of an old event can always be shown. The
 * caller holds the lock of imports.
 */
export async function writeCatalog(
  sql: Sql,
  { version, providers, prices }: Pick<Catalog, 'version' | 'providers' | 'prices'>,
  asOfMs: number,
): Promise<void> {
  await writeSheets(sql, prices);
  // Not `now()`, which is when the transaction began: it may have waited for the lock.
  await sql.query(
    `INSERT INTO catalog_versions (version, providers, as_of, imported_at)
     SELECT $1, $2, $3, greatest(clock_timestamp(), max(imported_at) + interval '1 millisecond') FROM catalog_versions`,
    [version, JSON.stringify(providers), new Date(asOfMs)],
  );
  await writeEntries(sql, version, prices);
  await sql.query('DELETE FROM catalog_entries WHERE version <> $1', [version]);
}
