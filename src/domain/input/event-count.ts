import { USAGE_LIMITS } from './limits.ts';

export const COUNT_MESSAGE = `must be a whole number from 0 to ${USAGE_LIMITS.count}`;

/** Whether a value can be a count of one event: a whole number from 0 to 10^12. */
export function isEventCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= USAGE_LIMITS.count;
}
