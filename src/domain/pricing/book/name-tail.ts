const YEAR = '20[2-4]\\d';
const MONTH = '(?:0[1-9]|1[0-2])';
const DAY = '(?:0[1-9]|[12]\\d|3[01])';
/** `-20250929 @20250929 -2025-09-29 -09-2025 -05-20 -0905 -2506 -250905` */
const DATE = `[-@](?:${YEAR}-?${MONTH}-?${DAY}|${MONTH}-${YEAR}|${MONTH}-${DAY}|${MONTH}${DAY}|2\\d${MONTH}(?:${DAY})?)`;
/** Words after which a model is the same at the same price. All others (`-fast`, `-mini`, `-tts`) make another one. */
const SAME = '-(?:latest|preview|stable)|@(?:latest|default)';
/** Google's `-001`, Bedrock's `-v1:0`, also with the context that is served (`:0:28k`). */
const VERSION = '-00\\d|(?:-v(?<version>\\d+))?(?::\\d+(?::(?:\\d+k|mm))?)?';
const TAIL = new RegExp(`^(?:-preview)?(?:${DATE})?(?:${SAME})?(?:${VERSION})$`);
/** `:organization:name:id` of a fine-tuned model, with the date of its base. */
const FINE_TUNED_TAIL = new RegExp(`^(?:${DATE})?(?::.*)?$`);
/** One price for all sizes of an open model. */
const SIZE_TAIL = /^-?e?\d+b(?:-it)?$/;
const SIZED = /^gemma-\d/;
/** The end of a rule that stops within a date or a version: `claude-sonnet-4-2025`, `gemini-2.0-flash-0`. */
const BROKEN_OFF = /(?:[-@]20\d{0,2}-?|[-@]|-0)$/;

/** Where a provider serves it, or whose it is: what may stand before a name. */
const HEAD =
  /^(?:(?:us|eu|apac|jp|au|ca|in|sa|us-gov|global)\.)?(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshotai|nvidia|openai|qwen|writer|zai)?[./]?$/;
/** OpenAI's moderation models have one rule for all, and they are free. */
const MODERATION = 'moderation';
const MODERATION_HEAD = /^(?:omni-|text-)?$/;
const MODERATION_TAIL = new RegExp(`^(?:${DATE}|-00\\d|-latest|-stable)?$`);

/** The `2` of `-v2:0`, with which the catalog's own id of a model ends. */
const ID_VERSION = /-v(\d+)(?::\d+)?$/;

/**
 * Whether what follows `part`, which a rule names, leaves the model the same: nothing, a date, a
 * version, or a word that says no more than that.
 * @param id the catalog's own id of the model, folded; it tells which version is meant
 */
export function isSameAfter(part: string, tail: string, id: string): boolean {
  if (tail === '') return true;
  if (part === MODERATION) return MODERATION_TAIL.test(tail);
  if (part.endsWith('.ft-')) return true;
  if (part.startsWith('ft:') && FINE_TUNED_TAIL.test(tail)) return true;
  if (SIZED.test(part) && SIZE_TAIL.test(tail)) return true;
  const found = TAIL.exec(tail);
  if (found) return found.groups?.version === undefined || found.groups.version === (ID_VERSION.exec(id)?.[1] ?? '1');
  const broken = BROKEN_OFF.exec(part)?.[0];
  return broken !== undefined && isSameAfter(part.slice(0, -broken.length), broken + tail, id);
}

/** Whether what stands before `part` says only whose the model is or where it runs. */
export function isSameBefore(part: string, head: string): boolean {
  return part === MODERATION ? MODERATION_HEAD.test(head) : HEAD.test(head);
}
