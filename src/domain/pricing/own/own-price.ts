import { AppError } from '../../../platform/errors.ts';
import { parseId } from '../../../platform/ids.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import { where } from '../../../platform/postgres/where.ts';
import type { Caller } from '../../access/caller.ts';
import { NO_ENTRY_COLUMNS, PRICE_COLUMNS, type PriceRow, readPrice } from '../book/price-row.ts';
import type { Price } from '../price/price.ts';

export const OWN_PRICE_LIMITS = {
  /** Of an organization, ended ones included: each may charge a late event, so every process knows them all. */
  prices: 10_000,
} as const;

/**
 * An own price by its TypeID.
 * @throws AppError not_found, the same for one that is missing, another's or the catalog's
 */
export async function getOwnPrice(sql: Sql, caller: Caller, id: string): Promise<Price> {
  const uuid = parseId('price', id);
  const { text, values } = where('p.organization_id = $?', caller.organization.id).and('p.id = $?', uuid);
  const { rows } = await sql.query<PriceRow>(
    `SELECT ${PRICE_COLUMNS}, ${NO_ENTRY_COLUMNS}, 0 AS ordinal FROM prices p WHERE ${text}`,
    values,
  );
  if (!rows[0]) throw new AppError('not_found', 'There is no own price with this id.');
  return readPrice(rows[0]);
}

const timeOrNull = (timeMs: number | null) => (timeMs === null ? null : new Date(timeMs).toISOString());

/** What the audit log keeps of an own price. */
export function auditPrice(price: Price): object {
  const { provider, model, match, serviceTier, validFrom, validTo, units, discount } = price;
  return {
    provider,
    model: model === '' ? null : model,
    match,
    serviceTier,
    validFrom: timeOrNull(validFrom),
    validTo: timeOrNull(validTo),
    units,
    discountPercent: discount?.percent ?? null,
  };
}
