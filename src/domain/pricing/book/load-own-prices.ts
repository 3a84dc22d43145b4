import type { Sql } from '../../../platform/postgres/database.ts';
import type { Price } from '../price/price.ts';
import type { BookAlias } from './price-book.ts';
import { NO_ENTRY_COLUMNS, PRICE_COLUMNS, type PriceRow, readPrice } from './price-row.ts';

/** What an organization has of its own. */
export interface OwnPrices {
  prices: Price[];
  aliases: BookAlias[];
}

interface AliasRow {
  organization_id: string;
  provider: string;
  model: string;
  target_provider: string;
  target_model: string;
}

/** Ended ones too, since late events need them; not those that ended before they began. */
const PRICES = (organizations: string) => `
  SELECT ${PRICE_COLUMNS}, ${NO_ENTRY_COLUMNS}, row_number() OVER (ORDER BY p.created_at, p.id)::int AS ordinal
    FROM prices p
   WHERE p.organization_id ${organizations}
     AND (p.valid_from IS NULL OR p.valid_to IS NULL OR p.valid_from < p.valid_to)`;
const ALIASES = (organizations: string) => `
  SELECT organization_id, provider, model, target_provider, target_model FROM model_aliases
   WHERE organization_id ${organizations}`;

/**
 * Reads the own prices and aliases of organizations, by their ids.
 * @param organizationIds null: of all that have some
 */
export async function loadOwnPrices(
  sql: Sql,
  organizationIds: readonly string[] | null,
): Promise<Map<string, OwnPrices>> {
  const organizations = organizationIds === null ? 'IS NOT NULL' : '= ANY ($1::uuid[])';
  const values = organizationIds === null ? [] : [organizationIds];
  const { rows: prices } = await sql.query<PriceRow>(PRICES(organizations), values);
  const { rows: aliases } = await sql.query<AliasRow>(ALIASES(organizations), values);
  const own = new Map<string, OwnPrices>();
  const of = (organizationId: string) => {
    const found = own.get(organizationId) ?? { prices: [], aliases: [] };
    own.set(organizationId, found);
    return found;
  };
  for (const row of prices) if (row.organization_id !== null) of(row.organization_id).prices.push(readPrice(row));
  for (const row of aliases) {
    const { provider, model, target_provider: targetProvider, target_model: targetModel } = row;
    of(row.organization_id).aliases.push({ provider, model, targetProvider, targetModel });
  }
  return own;
}
