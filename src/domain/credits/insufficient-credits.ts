import { AppError } from '../../platform/errors.ts';
import { formatMoney, parseMoney } from '../../platform/money.ts';

function plain(text: string): string {
  const value = parseMoney(text);
  return value === null ? text : formatMoney(value);
}

/** The refusal of what prepaid credits do not cover. Amounts are decimal strings in USD. */
export function insufficientCredits(required: string, available: string): AppError {
  const details = { required: plain(required), available: plain(available) };
  const message = `This needs ${details.required} USD of credits; ${details.available} are available.`;
  return new AppError('insufficient_credits', message, { details });
}
