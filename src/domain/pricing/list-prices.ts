import { AppError, type FieldProblem, invalidField, invalidRequest } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import { type Page, type PageInput, parseCursor, readPageSize } from '../../platform/page.ts';
import { where } from '../../platform/postgres/where.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { checkText } from '../input/check-text.ts';
import { foldName } from '../input/fold-name.ts';
import { USAGE_LIMITS } from '../input/limits.ts';
import { findPriceById } from './book/find-price-by-id.ts';
import { ENTRY_COLUMNS, PRICE_COLUMNS, type PriceRow, readPrice } from './book/price-row.ts';
import type { Price, PriceAgreement, PriceSource } from './price/price.ts';
import { normalizeProvider } from './price/provider-name.ts';

export const PRICE_CURSOR = 'price';
const CURSOR_SEPARATOR = '\n';
/** What `catalog_entries` says of a price, for one that is the organization's own. */
const OWN_ENTRY_COLUMNS = "'own' AS agreement, '[]'::jsonb AS sources, NULL AS dispute";

export interface PriceQuestion extends PageInput {
  provider?: string | null;
  /** The catalog's own name of the model, in any case. */
  model?: string | null;
  /** Only prices in force at that time; by default all, past and future too. */
  at?: Date | null;
  /** Only prices of which the sources say this. */
  agreement?: PriceAgreement | null;
}

/** Where a price stands in the list: by provider, model, start, id. */
export function priceCursorKey(price: Price): string {
  return [price.provider, price.model, price.ordinal, price.id].join(CURSOR_SEPARATOR);
}

/**
 * The sources that state a price, the one it was taken from first. Of a price that no version in force
 * has, the one it was taken from is known; an organization's own has none.
 */
export function sourcesOf({ organizationId, sources, source, sourceVersion }: Price): readonly PriceSource[] {
  return organizationId !== null || sources.length > 0 ? sources : [{ name: source, version: sourceVersion }];
}

/**
 * The tenant wall of the list, from the placeholder of the organization's id. It is SQL, since
 * Prisma cannot put two sources into one order, by an ordinal that only the catalog's entries have.
 */
const inForceFor = (organizationId: string) => `
  SELECT ${PRICE_COLUMNS}, ${ENTRY_COLUMNS}, c.ordinal
    FROM catalog_entries c JOIN prices p ON p.id = c.price_id
   WHERE c.version = (SELECT version FROM catalog_versions ORDER BY imported_at DESC LIMIT 1)
  UNION ALL
  SELECT ${PRICE_COLUMNS}, ${OWN_ENTRY_COLUMNS}, 0 FROM prices p WHERE p.organization_id = ${organizationId}`;

/**
 * The prices that the organization's events are priced by: its own, and the catalog's.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listPrices(context: Context, question: PriceQuestion): Promise<Page<Price>> {
  requireScope(context.caller, 'prices:read');
  const size = readPageSize(question.first);
  let wanted = where('true');
  const problems: FieldProblem[] = [];
  for (const path of ['provider', 'model'] as const) {
    const name = question[path] ?? null;
    if (name === null) continue;
    checkText(problems, path, foldName(name), USAGE_LIMITS[path]);
    wanted = wanted.and(`p.${path} = $?`, path === 'provider' ? normalizeProvider(name) : foldName(name));
  }
  if (problems.length > 0) throw invalidRequest(problems);
  if (question.at) {
    wanted = wanted
      .and('(p.valid_from IS NULL OR p.valid_from <= $?)', question.at)
      .and('(p.valid_to IS NULL OR p.valid_to > $?)', question.at);
  }
  if (question.agreement) wanted = wanted.and('p.agreement = $?', question.agreement);
  const after = parseCursor(PRICE_CURSOR, question.after);
  if (after !== null) {
    const [provider, model, ordinal, id] = after.split(CURSOR_SEPARATOR);
    if (!id || !/^\d{1,9}$/.test(ordinal ?? '') || !parseUuid(id)) {
      throw invalidField('after', 'must be a cursor that this list returned');
    }
    const last = [provider, model, Number(ordinal), id];
    wanted = wanted.and('(p.provider, p.model, p.ordinal, p.id) > ($?, $?, $?::int, $?::uuid)', ...last);
  }
  const { rows } = await context.resources.database.pool.query<PriceRow>(
    `SELECT * FROM (${inForceFor(`$${wanted.values.length + 1}`)}) p WHERE ${wanted.text}
      ORDER BY p.provider, p.model, p.ordinal, p.id LIMIT ${size + 1}`,
    [...wanted.values, context.caller.organization.id],
  );
  return { items: rows.slice(0, size).map(readPrice), hasMore: rows.length > size };
}

function parseUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

/**
 * A price by its TypeID, also one that a later catalog has replaced.
 * @throws AppError not_found, insufficient_permissions
 */
export async function getPrice(context: Context, id: string): Promise<Price> {
  requireScope(context.caller, 'prices:read');
  const { database, prices } = context.resources;
  const uuid = parseId('price', id);
  const price = uuid === null ? null : await findPriceById(database.pool, prices, context.caller.organization.id, uuid);
  if (price === null) throw new AppError('not_found', 'There is no price with this id.');
  return price;
}
