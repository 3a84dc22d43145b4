import { KIND_NAMES } from './kind-names.ts';
import { OWN_TAG_PREFIX, TAG_NAMES, TAG_PREFIXES } from './tag-names.ts';
import { CLAUDE_CODE_NAMES, DETAIL_NAMES, TOKEN_NAMES, TOTAL_NAMES, UNIT_NAMES } from './token-names.ts';
import {
  CACHE_HIT_NAMES,
  CALL_ID_NAMES,
  CHARGE_NAME,
  COST_NAMES,
  LANGFUSE_COST_NAME,
  WORD_NAMES,
} from './word-names.ts';

const READ_NAMES: ReadonlySet<string> = new Set([
  ...Object.values(TOKEN_NAMES).flat(),
  ...Object.values(CLAUDE_CODE_NAMES).flat(),
  ...Object.values(UNIT_NAMES).flat(),
  ...TOTAL_NAMES,
  ...Object.values(DETAIL_NAMES),
  ...Object.values(WORD_NAMES).flat(),
  ...Object.values(CALL_ID_NAMES),
  ...COST_NAMES,
  CHARGE_NAME,
  LANGFUSE_COST_NAME,
  ...CACHE_HIT_NAMES,
  ...Object.values(KIND_NAMES),
  ...TAG_NAMES.keys(),
]);

const INHERITED_NAMES: ReadonlySet<string> = new Set([
  ...WORD_NAMES.team,
  ...WORD_NAMES.user,
  ...WORD_NAMES.session,
  ...WORD_NAMES.service,
  ...WORD_NAMES.environment,
  ...WORD_NAMES.agent,
  ...TAG_NAMES.keys(),
]);

function hasTagPrefix(name: string): boolean {
  return name.startsWith(OWN_TAG_PREFIX) || TAG_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** Whether an attribute of a span holds for the calls inside it, too. */
export function isInheritedName(name: string): boolean {
  return INHERITED_NAMES.has(name) || hasTagPrefix(name);
}

/** Whether an attribute is read. The decoder drops all others, above all messages. */
export function isReadName(name: string): boolean {
  return READ_NAMES.has(name) || hasTagPrefix(name);
}
