import { type FieldProblem, invalidRequest } from '../../../platform/errors.ts';
import { endMsOf } from '../../../platform/time.ts';
import { checkText } from '../../input/check-text.ts';
import { foldName } from '../../input/fold-name.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';
import type { MatchRule, Price, UnitPrice } from '../price/price.ts';
import { normalizeProvider } from '../price/provider-name.ts';
import { keptTier } from '../price/service-tier.ts';
import { readDiscount, readUnitPrices, type UnitPriceInput } from './read-unit-prices.ts';

export const PRICE_MATCHES = ['exact', 'prefix'] as const;
/** Whether an own price is for one name, or for all that begin so. */
export type PriceMatch = (typeof PRICE_MATCHES)[number];

export interface PriceInput {
  provider: string;
  /** Only a discount may leave it out: it is then for all models of the provider. */
  model?: string | null;
  match?: PriceMatch | null;
  units?: readonly UnitPriceInput[] | null;
  /** A decimal string above 0, to 100. */
  discountPercent?: string | null;
  /** Null: every service tier. */
  serviceTier?: string | null;
  validFrom?: Date | null;
  validTo?: Date | null;
}

/** What an own price says, checked. */
export type OwnPriceTerms = Pick<
  Price,
  'provider' | 'model' | 'match' | 'serviceTier' | 'validFrom' | 'validTo' | 'discount'
> & { units: UnitPrice[] };

function readModel(problems: FieldProblem[], input: PriceInput): { model: string; match: MatchRule } {
  const { discountPercent = null, match = null } = input;
  if (input.model === undefined || input.model === null) {
    if (discountPercent === null) problems.push({ path: 'model', message: 'is required, unless it is a discount' });
    if (match !== null) problems.push({ path: 'match', message: 'must not be given without a model' });
    return { model: '', match: { starts_with: '' } };
  }
  const model = foldName(input.model);
  checkText(problems, 'model', model, USAGE_LIMITS.model);
  return { model, match: match === 'prefix' ? { starts_with: model } : { equals: model } };
}

function readTier(problems: FieldProblem[], tier: string | null | undefined): string | null {
  if (tier === undefined || tier === null) return null;
  checkText(problems, 'serviceTier', tier, USAGE_LIMITS.serviceTier);
  return keptTier(tier);
}

/**
 * Checks what an own price is to say, and gives it its normal form.
 * @throws AppError invalid_request, naming every field that cannot be accepted
 */
export function readPriceInput(input: PriceInput): OwnPriceTerms {
  const problems: FieldProblem[] = [];
  const providerName = foldName(input.provider);
  checkText(problems, 'provider', providerName, USAGE_LIMITS.provider);
  const named = readModel(problems, input);
  const { units = null, discountPercent = null } = input;
  if ((units === null) === (discountPercent === null)) {
    const message = 'exactly one of units and discountPercent must be given';
    problems.push({ path: units === null ? 'units' : 'discountPercent', message });
  }
  const read = units === null ? [] : readUnitPrices(problems, units);
  const percent = discountPercent === null ? null : readDiscount(problems, discountPercent);
  const serviceTier = readTier(problems, input.serviceTier);
  const validFrom = input.validFrom?.getTime() ?? null;
  const validTo = input.validTo ? endMsOf(input.validTo) : null;
  if (validFrom !== null && validTo !== null && validTo <= validFrom) {
    problems.push({ path: 'validTo', message: 'must be after validFrom' });
  }
  if (problems.length > 0) throw invalidRequest(problems);
  return {
    provider: normalizeProvider(providerName),
    ...named,
    serviceTier,
    validFrom,
    validTo,
    units: read,
    ...(percent !== null && { discount: { percent, of: null } }),
  };
}
