import { z } from 'zod';

const COST = /cost/;

/** Beside plain numbers there are texts of numbers, and costs by the size of a search context. */
function isCost(value: unknown): boolean {
  if (value === null) return true;
  if (typeof value === 'object') return Object.values(value).every(isCost);
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0;
}

/**
 * `model_prices_and_context_window.json`, whole. Its reader leaves out an entry that it does not
 * understand; here a cost that is none refuses the file, since something has written it wrongly.
 */
export const litellmFile = z.record(
  z.string(),
  z.looseObject({}).refine((entry) => Object.entries(entry).every(([key, value]) => !COST.test(key) || isCost(value)), {
    message: 'a cost that is not a number of at least 0',
  }),
);
