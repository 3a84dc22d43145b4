import { invalidField } from './errors.ts';

/** Fields that hold money: where a caller writes them as a JSON number, its digits are read, not its float. */
const DECIMAL_FIELDS = new Set(['cost', 'amount', 'price', 'base']);
const HAS_DECIMAL_NUMBER = /"(?:cost|amount|price|base)"\s*:\s*-?\d/;

function keepDigits(key: string, value: unknown, context?: { source: string }): unknown {
  return typeof value === 'number' && context && DECIMAL_FIELDS.has(key) ? context.source : value;
}

/**
 * Parses JSON; numbers in money fields become their own text (`0.1` is `"0.1"`, with all digits given).
 * @throws AppError invalid_request when it is not JSON
 */
export function parseJson(text: string): unknown {
  try {
    return HAS_DECIMAL_NUMBER.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
  } catch (error) {
    throw invalidField('', `The body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
