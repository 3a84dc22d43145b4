import { plainDecimal } from '../../../platform/money.ts';
import { type Where, where } from '../../../platform/postgres/where.ts';
import type { DailyWindow, MatchRule, Price, PriceAgreement, PriceSource, UnitPrice } from '../price/price.ts';

export interface PriceRow {
  id: string;
  organization_id: string | null;
  provider: string;
  model: string;
  match: MatchRule;
  service_tier: string | null;
  region: string | null;
  valid_from: Date | null;
  valid_to: Date | null;
  daily_window: DailyWindow | null;
  units: UnitPrice[];
  /** Of an own price that is a discount, a numeric. */
  discount_percent: string | null;
  source: string;
  source_version: string;
  agreement: PriceAgreement | null;
  sources: PriceSource[] | null;
  dispute: string | null;
  ordinal: number;
}

/**
 * The columns of `prices p`; a query adds `ordinal`, the order that counts, and of `catalog_entries`
 * what the sources say (`ENTRY_COLUMNS`).
 */
export const PRICE_COLUMNS = `
  p.id, p.organization_id, p.provider, p.model, p.match, p.service_tier, p.region, p.valid_from, p.valid_to, p.daily_window,
  p.units, p.discount_percent, p.source, p.source_version`;

/** What the sources say of a price, from `catalog_entries c`. */
export const ENTRY_COLUMNS = 'c.agreement, c.sources, c.dispute';
/** The same of a price that is in no catalog in force. */
export const NO_ENTRY_COLUMNS = 'NULL AS agreement, NULL::jsonb AS sources, NULL AS dispute';

/** The tenant wall of `prices p`: the organization's own, and the public catalog's. */
export function wherePrices(organizationId: string): Where {
  return where('(p.organization_id IS NULL OR p.organization_id = $?)', organizationId);
}

/** A row of the table as a price. */
export function readPrice(row: PriceRow): Price {
  return {
    id: row.id,
    organizationId: row.organization_id,
    provider: row.provider,
    model: row.model,
    match: row.match,
    serviceTier: row.service_tier,
    region: row.region,
    validFrom: row.valid_from?.getTime() ?? null,
    validTo: row.valid_to?.getTime() ?? null,
    dailyWindow: row.daily_window,
    units: row.units,
    ...(row.discount_percent !== null && { discount: { percent: plainDecimal(row.discount_percent), of: null } }),
    source: row.source,
    sourceVersion: row.source_version,
    sources: row.sources ?? [],
    agreement: row.agreement ?? (row.organization_id === null ? 'single' : 'own'),
    dispute: row.dispute,
    ordinal: row.ordinal,
  };
}
