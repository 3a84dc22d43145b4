import { formatScaled, MONEY_SCALE, parseScaled } from '../../../platform/money.ts';
import { addProblem, type Fields, hasAny, type Source, toFields } from './read-count.ts';

/** Places that hold any JSON number exactly: the smallest double is 5e-324. */
const WIDE_SCALE = 400;
const TICK_SCALE = 10;
/** No double is written longer; a longer text is an attack on BigInt. */
const MAX_TEXT = 60;
/** NUMERIC(38,18) leaves 20 digits before the point; two of them are kept for sums. */
const MAX_AMOUNT = 10n ** BigInt(18 + WIDE_SCALE);

/**
 * The exact charge that an answer states, in USD as a plain decimal, or null. OpenRouter's `cost`
 * is read by its shortest text; xAI's ticks are 10^-10 USD. OpenRouter's `cost` is only its own fee
 * when the call ran on the caller's own vendor key (`is_byok`), so there the charge is `cost` +
 * `cost_details.upstream_inference_cost`; without the latter it is unknown. Digits past 18 places
 * are float noise and are rounded, half up.
 */
export function readCharge(source: Source): string | null {
  const { fields } = source;
  if (hasAny(fields, 'cost_in_usd_ticks')) {
    const ticks = readDecimal(source, fields, 'cost_in_usd_ticks');
    return ticks === null ? null : round(ticks, WIDE_SCALE + TICK_SCALE);
  }
  if (typeof fields.cost !== 'number' && typeof fields.cost !== 'string') return null;
  if (source.provider !== 'openrouter' && !hasAny(fields, 'is_byok', 'cost_details')) {
    source.warnings.push(`${source.path}.cost was left out: its unit is not known for this provider`);
    return null;
  }
  const fee = readDecimal(source, fields, 'cost');
  if (fields.is_byok !== true) return fee === null ? null : round(fee, WIDE_SCALE);
  const details = { ...source, path: `${source.path}.cost_details` };
  const upstream = readDecimal(details, toFields(fields.cost_details) ?? {}, 'upstream_inference_cost');
  if (upstream === null)
    source.warnings.push(`${details.path}.upstream_inference_cost is missing, so the charge is unknown`);
  return fee === null || upstream === null ? null : round(fee + upstream, WIDE_SCALE);
}

/** An amount in 10^-WIDE_SCALE of its unit; null when it is missing, or refused. */
function readDecimal(source: Source, fields: Fields, name: string): bigint | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  const amount = text.length <= MAX_TEXT ? parseScaled(text, WIDE_SCALE) : null;
  if (amount !== null && amount >= 0n && amount < MAX_AMOUNT) return amount;
  addProblem(source, `${source.path}.${name}`, 'must be a decimal number, 0 or more');
  return null;
}

function round(amount: bigint, scale: number): string {
  const unit = 10n ** BigInt(scale - MONEY_SCALE);
  return formatScaled((amount + unit / 2n) / unit, MONEY_SCALE);
}
