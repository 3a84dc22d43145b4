import { WORD_NAMES } from '../names/word-names.ts';
import { findInherited, type Lineage } from './lineage.ts';
import { readReportedCost } from './read-cost.ts';
import type { InputRule } from './stated-counts.ts';

/** The length limit of a string in metadata, in characters. */
const MAX_WORD = 255;
const UNTYPED_ERROR = '_OTHER';
const NOTHING: Lineage['inherited'] = new Map();

/** What was found of a call beside what its attributes say. */
export interface CallFacts {
  model: string;
  requestModel: string | undefined;
  /** Null: the call has no cached tokens, so that there was nothing to decide. */
  inputRule: InputRule | null;
  isCacheHit: boolean;
}

/** What else is kept of a call. Each value is a string of at most 255 characters. */
export function readMetadata(lineage: Lineage, facts: CallFacts): Record<string, string> {
  const { span } = lineage;
  // What belongs to this call alone is not asked of the spans around it.
  const alone: Lineage = { span, inherited: NOTHING };
  const own = (names: readonly string[]) => findInherited(alone, names, MAX_WORD);
  const entries: [string, string | null][] = [
    ['session', findInherited(lineage, WORD_NAMES.session, MAX_WORD)],
    ['response_id', own(WORD_NAMES.responseId)],
    ['request_model', facts.requestModel === facts.model ? null : own(WORD_NAMES.requestModel)],
    ['prompt_name', own(WORD_NAMES.promptName)],
    ['prompt_version', own(WORD_NAMES.promptVersion)],
    ['upstream_provider', own(WORD_NAMES.upstreamProvider)],
    ['api_key_name', own(WORD_NAMES.gatewayKey)],
    ['nano_aiu', own(WORD_NAMES.copilotUnits)],
    ['error_type', own(WORD_NAMES.errorType) ?? (span.isError ? UNTYPED_ERROR : null)],
    ['instrumentation', span.scope?.replaceAll('\0', '').slice(0, MAX_WORD).toWellFormed() ?? null],
    ['input_rule', facts.inputRule],
    ['reported_cost', readReportedCost(span)],
    ['cache_hit', facts.isCacheHit ? 'true' : null],
  ];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null));
}
