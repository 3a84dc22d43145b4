import { formatScaled, MONEY_SCALE, parseScaled } from '../../../platform/money.ts';
import { addProblem, type Fields, hasAny, type Source, toFields } from './source/read-count.ts';

/** Places that hold any JSON number exactly: the smallest double is 5e-324. */
const WIDE_SCALE = 400;
const TICK_SCALE = 10;
/** No double is written longer; a longer text is an attack on BigInt. */
const MAX_TEXT = 60;
/**
 * Who charges the caller what `usage.cost` says, in USD: OpenRouter, Perplexity, Vercel's AI Gateway.
 * Elsewhere it may be an estimate by a price list, or another currency.
 */
const CHARGING_PROVIDERS: ReadonlySet<string> = new Set([
  'openrouter',
  'perplexity',
  'vercel',
  'vercelaigateway',
  'vercelgateway',
  'aigateway',
  'gateway',
]);
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
  const stated = toFields(fields.cost);
  if (stated) return readTotalCost(source, stated);
  if (typeof fields.cost !== 'number' && typeof fields.cost !== 'string') return readGatewayCost(source);
  if (!CHARGING_PROVIDERS.has(source.provider) && !hasAny(fields, 'is_byok', 'cost_details')) {
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

/** Perplexity's object, whose total is what it charges. */
function readTotalCost(source: Source, stated: Fields): string | null {
  if (source.provider !== 'perplexity' && !hasAny(stated, 'total_cost')) {
    source.warnings.push(`${source.path}.cost was left out: what it holds is not known for this provider`);
    return null;
  }
  const total = readDecimal({ ...source, path: `${source.path}.cost` }, stated, 'total_cost');
  return total === null ? null : round(total, WIDE_SCALE);
}

/** The charge that Vercel's AI Gateway adds to the message of an answer, beside the usage. */
function readGatewayCost(source: Source): string | null {
  const choices: unknown = source.body?.choices;
  const message = toFields(toFields(Array.isArray(choices) ? choices[0] : null)?.message);
  const metadata = toFields(message?.provider_metadata) ?? toFields(source.body?.providerMetadata);
  const gateway = toFields(metadata?.gateway);
  if (!gateway || !hasAny(gateway, 'cost')) return null;
  const cost = readDecimal({ ...source, path: `${source.path}.gateway` }, gateway, 'cost');
  return cost === null ? null : round(cost, WIDE_SCALE);
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
