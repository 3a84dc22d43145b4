import { hash } from 'node:crypto';
import { stableJson } from '../../../platform/json/json.ts';
import { USAGE_COUNTS } from '../../pricing/price/usage-counts.ts';
import { USAGE_UNITS, type UsageUnits } from '../../pricing/price/usage-units.ts';
import type { UsageInput } from '../event/usage-input.ts';

const HASH_BYTES = 16;

/**
 * SHA-256, cut to 16 bytes, each as one character of Latin-1: a string costs half of what a Buffer
 * does, and can be compared.
 */
export function hashText(text: string): string {
  return hash('sha256', text, 'binary').slice(0, HASH_BYTES);
}

/** With its length before it, so that two different lists of parts never make the same string. */
function part(text: string | null | undefined): string {
  return text ? `${text.length}:${text}` : '0:';
}

/** The parts of an event's body that have a normal form; null where what was given is the default. */
export interface GivenUsage {
  provider: string;
  model: string | null;
  serviceTier: string | null;
  /** The team that is charged, so a key that is bound to another team cannot repeat the event. */
  teamId: string | null;
  cost: string | null;
  /** Where the caller stated them. */
  units: UsageUnits | null;
  /** Where the caller gave it as a field. */
  responseId: string | null;
  tagsText: string | null;
  hasMetadata: boolean;
}

/** Zeros are left out, so that a count which is added later changes no hash of an older event. */
function countsText(input: UsageInput, units: GivenUsage['units']): string {
  let text = '';
  for (const { field, column } of USAGE_COUNTS) if (input[field]) text += `${column}${input[field]},`;
  if (units !== null) for (const { unit } of USAGE_UNITS) if (units[unit]) text += `${unit}${units[unit]},`;
  return text;
}

/**
 * Tells whether a repeated event id comes with the same body. Hashes what the caller gave, in a
 * fixed order and in its normal form, with defaults left out, whether the caller gave them or the
 * server fills them in (a missing timestamp above all): a retry sends the same again.
 * @returns as {@link hashText}
 */
export function hashUsage(input: UsageInput, given: GivenUsage): string {
  // Collectors add to what is said around a call, so a span is the same where its numbers are.
  if (input.telemetry) return hashText(part(given.model) + countsText(input, given.units));
  const { provider, model, serviceTier, teamId, cost, units, responseId, tagsText, hasMetadata } = given;
  let text = part(provider) + part(model) + part(serviceTier) + part(teamId) + part(input.userId);
  text += part(cost) + part(input.holdId) + (input.requireCredits ? '1;' : '0;');
  text += input.timestamp ? `${input.timestamp.getTime()};` : ';';
  text += countsText(input, units);
  if (responseId !== null) text += `r${part(responseId)}`;
  if (input.usage) text += `u${stableJson(input.usage)}`;
  if (tagsText !== null) text += `t${tagsText}`;
  if (hasMetadata) text += `m${stableJson(input.metadata)}`;
  return hashText(text);
}
