import type { Database } from '../../../platform/postgres/database.ts';
import type { Catalog } from './read-catalog.ts';

/** Serializes imports among processes. Any number that no other lock uses will do. */
const ADVISORY_LOCK = 6_384_377_002;

function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}

function timeOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : new Date(timeMs).toISOString();
}

/**
 * Imports a version of the catalog, unless it is already stored. Prices are append-only: equal
 * prices have the same id in every version, and a version is a list of price ids, so older versions
 * stay unchanged. When several processes start at once, one imports and the others wait.
 * @returns whether this call imported the version
 */
export async function importCatalog(database: Database, catalog: Catalog): Promise<boolean> {
  const { version, providers, prices } = catalog;
  const isImported = async () => {
    const { rows } = await database.pool.query('SELECT FROM catalog_versions WHERE version = $1', [version]);
    return rows.length > 0;
  };
  if (await isImported()) return false;
  return database.transaction(async (sql) => {
    await sql.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    if (await isImported()) return false;
    await sql.query(
      `INSERT INTO prices (id, organization_id, provider, model, match, service_tier, region, valid_from,
                           valid_to, daily_window, units, source, source_version)
       SELECT id, NULL, provider, model, match, tier, region, valid_from, valid_to, daily_window, units, source, $12
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::timestamptz[], $7::timestamptz[],
                     $8::jsonb[], $9::jsonb[], $10::text[], $11::text[])
           AS p(id, provider, model, match, tier, valid_from, valid_to, daily_window, units, source, region)
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
        version,
      ],
    );
    await sql.query('INSERT INTO catalog_versions (version, providers) VALUES ($1, $2)', [
      version,
      JSON.stringify(providers),
    ]);
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
    return true;
  });
}
