import type { z } from '@hono/zod-openapi';
import { isObject } from '../../platform/json.ts';
import { parseMoney } from '../../platform/money.ts';
import { parseTime } from '../../platform/time.ts';
import type { usageEventInput } from './usage-schemas.ts';

type EventInput = z.output<typeof usageEventInput>;

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTags(value: unknown): boolean {
  if (!isObject(value)) return false;
  for (const key in value) if (typeof value[key] !== 'string') return false;
  return true;
}

type Check = (value: unknown) => boolean;

const CHECKS: ReadonlyMap<string, Check> = new Map<keyof EventInput, Check>([
  ['id', isText],
  ['provider', isText],
  ['model', isText],
  ['input_tokens', isCount],
  ['output_tokens', isCount],
  ['cache_read_tokens', isCount],
  ['cache_write_tokens', isCount],
  ['cache_write_1h_tokens', isCount],
  ['reasoning_tokens', isCount],
  ['input_audio_tokens', isCount],
  ['output_audio_tokens', isCount],
  ['web_searches', isCount],
  ['usage', () => true],
  ['service_tier', isText],
  ['timestamp', (value) => typeof value === 'string' && parseTime(value) !== null],
  ['team_id', isText],
  ['user_id', isText],
  ['tags', isTags],
  ['metadata', isObject],
  ['hold_id', isText],
  ['require_credits', (value) => typeof value === 'boolean'],
  ['cost', (value) => typeof value === 'string' && parseMoney(value) !== null],
]);

/**
 * The event, when it plainly is one: what its schema would accept as it stands, found at a fraction of the cost. Null
 * says only that the schema must be asked; a test holds the two together.
 */
export function acceptEvent(body: unknown): EventInput | null {
  if (!isObject(body) || typeof body.provider !== 'string') return null;
  for (const key in body) {
    const value = body[key];
    if (value === null || value === undefined) {
      if (!CHECKS.has(key)) return null;
    } else if (!CHECKS.get(key)?.(value)) return null;
  }
  return body as EventInput;
}
