import { type Where, where } from '../../../platform/postgres/where.ts';
import type { DailyWindow, MatchRule, Price, UnitPrice } from '../price/price.ts';

export interface PriceRow {
  id: string;
  organization_id: string | null;
  provider: string;
  model: string;
  match: MatchRule;
  service_tier: string | null;
  valid_from: Date | null;
  valid_to: Date | null;
  daily_window: DailyWindow | null;
  units: UnitPrice[];
  source: string;
  source_version: string;
  ordinal: number;
}

/** The columns of `prices p`; a query adds `ordinal`, the order that counts. */
export const PRICE_COLUMNS = `
  p.id, p.organization_id, p.provider, p.model, p.match, p.service_tier, p.valid_from, p.valid_to, p.daily_window,
  p.units, p.source, p.source_version`;

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
    validFrom: row.valid_from?.getTime() ?? null,
    validTo: row.valid_to?.getTime() ?? null,
    dailyWindow: row.daily_window,
    units: row.units,
    source: row.source,
    sourceVersion: row.source_version,
    ordinal: row.ordinal,
  };
}
