import { DAY_MS } from '../../../platform/time.ts';
import type { DailyWindow, Price } from '../price/price.ts';

const THURSDAY = 4;

/** A window that passes midnight belongs to the day on which it begins. */
function isWithin({ startSeconds, endSeconds, weekdays }: DailyWindow, timeMs: number): boolean {
  const day = Math.floor(timeMs / DAY_MS);
  const seconds = (timeMs - day * DAY_MS) / 1000;
  const isAfterMidnight = endSeconds < startSeconds && seconds < endSeconds;
  const isOpen = seconds >= startSeconds && (endSeconds < startSeconds || seconds < endSeconds);
  if (!isAfterMidnight && !isOpen) return false;
  if (weekdays === null) return true;
  // The first of January 1970 was a Thursday.
  const began = day + THURSDAY - (isAfterMidnight ? 1 : 0);
  return weekdays.includes(((began % 7) + 7) % 7);
}

/** Whether the sheet is in force at a moment. */
export function isInForce(price: Pick<Price, 'validFrom' | 'validTo' | 'dailyWindow'>, timeMs: number): boolean {
  if (price.validFrom !== null && timeMs < price.validFrom) return false;
  if (price.validTo !== null && timeMs >= price.validTo) return false;
  return price.dailyWindow === null || isWithin(price.dailyWindow, timeMs);
}
