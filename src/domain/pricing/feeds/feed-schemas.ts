import { z } from 'zod';
import type { MatchRule } from '../price/price.ts';

/** A price is at least 0. Prices of a resale that "depends" are written as -1 by some sources. */
const amount = z.number().nonnegative();
const name = z.string().min(1).max(256);

const matchRule: z.ZodType<MatchRule> = z.lazy(() =>
  z.union([
    z.strictObject({ equals: z.string() }),
    z.strictObject({ starts_with: z.string() }),
    z.strictObject({ ends_with: z.string() }),
    z.strictObject({ contains: z.string() }),
    z.strictObject({ regex: z.string().refine(isPattern, 'not a regular expression') }),
    z.strictObject({ or: z.array(matchRule) }),
    z.strictObject({ and: z.array(matchRule) }),
  ]),
);

function isPattern(text: string): boolean {
  try {
    return Boolean(new RegExp(text));
  } catch {
    return false;
  }
}

const tiered = z.object({ base: amount, tiers: z.array(z.object({ start: amount, price: amount })) });
const modelPrice = z.record(z.string(), z.union([amount, tiered]));
const constraint = z.union([
  z.object({ start_date: z.iso.date() }),
  z.object({ start_time: z.string(), end_time: z.string() }),
]);

/** `prices/new_data/v2/data.json` of genai-prices, as far as it bears on prices. */
export const genaiFeed = z.array(
  z.object({
    id: name,
    name: z.string(),
    fallback_model_providers: z.array(name).nullish(),
    models: z.array(
      z.object({
        id: name,
        match: matchRule,
        prices: z.union([z.array(z.object({ constraint: constraint.nullish(), prices: modelPrice })), modelPrice]),
      }),
    ),
  }),
);

const COST = /cost/;

/** Beside plain numbers there are texts of numbers, and costs by the size of a search context. */
function isCost(value: unknown): boolean {
  if (value === null) return true;
  if (typeof value === 'object') return Object.values(value).every(isCost);
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0;
}

/** `model_prices_and_context_window.json` of LiteLLM, as far as it bears on prices. */
export const litellmFeed = z.record(
  name,
  z
    .looseObject({ litellm_provider: z.string().nullish(), mode: z.string().nullish() })
    .refine((entry) => Object.entries(entry).every(([key, value]) => !COST.test(key) || isCost(value)), {
      message: 'a cost that is not a number of at least 0',
    }),
);
