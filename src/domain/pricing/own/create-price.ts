import { AppError } from '../../../platform/errors.ts';
import { formatId, newUuid } from '../../../platform/ids.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import { recordAudit } from '../../audit/record-audit.ts';
import type { Context } from '../../context.ts';
import type { Price } from '../price/price.ts';
import { changeOwnPrices, requirePriceWrites } from './change-own-prices.ts';
import { auditPrice, OWN_PRICE_LIMITS } from './own-price.ts';
import { type PriceInput, readPriceInput } from './read-price-input.ts';

const OWN_SOURCE = 'override';

const timeOrNull = (timeMs: number | null) => (timeMs === null ? null : new Date(timeMs));

async function requireRoom(sql: Sql, organizationId: string): Promise<void> {
  const text = 'SELECT count(*) FROM prices WHERE organization_id = $1';
  const { rows } = await sql.query<{ count: number }>(text, [organizationId]);
  if ((rows[0]?.count ?? 0) < OWN_PRICE_LIMITS.prices) return;
  const message = `An organization has at most ${OWN_PRICE_LIMITS.prices} own prices, those that have ended included.`;
  throw new AppError('conflict', message);
}

/** Each is newer than those before it, also within a millisecond and whatever process made them. */
async function insertPrice(sql: Sql, price: Price, nowMs: number): Promise<void> {
  await sql.query(
    `INSERT INTO prices (id, organization_id, provider, model, match, service_tier, valid_from, valid_to, units,
                         discount_percent, source, source_version, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
             greatest($13, (SELECT max(created_at) + interval '1 millisecond' FROM prices WHERE organization_id = $2)))`,
    [
      price.id,
      price.organizationId,
      price.provider,
      price.model,
      JSON.stringify(price.match),
      price.serviceTier,
      timeOrNull(price.validFrom),
      timeOrNull(price.validTo),
      JSON.stringify(price.units),
      price.discount?.percent ?? null,
      price.source,
      price.sourceVersion,
      new Date(nowMs),
    ],
  );
}

/**
 * Makes a price of the organization's own, or a discount on the catalog. It charges what is recorded from now on
 * and was used while it is in force; nothing that is recorded changes.
 * @throws AppError invalid_request, conflict (too many own prices), insufficient_permissions
 */
export async function createPrice(context: Context, input: PriceInput): Promise<Price> {
  const { caller, resources } = context;
  requirePriceWrites(caller);
  const terms = readPriceInput(input);
  const organizationId = caller.organization.id;
  return changeOwnPrices(context, async (sql) => {
    await requireRoom(sql, organizationId);
    const nowMs = resources.clock();
    const price: Price = {
      ...terms,
      id: newUuid(nowMs),
      organizationId,
      region: null,
      dailyWindow: null,
      source: OWN_SOURCE,
      sourceVersion: new Date(nowMs).toISOString().slice(0, 10),
      sources: [],
      agreement: 'own',
      dispute: null,
      ordinal: 0,
    };
    await insertPrice(sql, price, nowMs);
    const change = { action: 'price.created', targetId: formatId('price', price.id), atMs: nowMs };
    await recordAudit(sql, context, { ...change, before: null, after: auditPrice(price) });
    return { made: price, isChanged: true };
  });
}
