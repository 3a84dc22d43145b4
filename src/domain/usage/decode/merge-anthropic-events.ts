import { invalidField } from '../../../platform/errors.ts';
import { type Fields, type FoundUsage, toFields } from './source/read-count.ts';

/**
 * One usage object from Anthropic's stream events, or null when there are none among the items.
 * `message_start` has the input, the cache numbers and the only split by lifetime; `message_delta`
 * repeats running totals, or null. An item may also hold both under their names: `{message_start,
 * message_delta}`.
 * @throws AppError `invalid_request` when the input is nowhere, or there are two answers.
 */
export function mergeAnthropicEvents(items: readonly unknown[], path: string): FoundUsage | null {
  const events = items.map(toFields).filter((event) => event !== null);
  const messages = events.map(findStartedMessage).filter((message) => message !== null);
  if (messages.length > 1) throw invalidField(path, 'holds several answers; send one event for each');
  const body = messages[0] ?? null;
  const usages = [body?.usage, ...events.map(findDeltaUsage)].map(toFields).filter((usage) => usage !== null);
  const [first, ...later] = usages;
  if (!first) return null;
  const fields: Record<string, unknown> = Object.assign(Object.create(null), first);
  for (const usage of later) mergeUsage(fields, usage);
  if (fields.input_tokens === undefined || fields.input_tokens === null) {
    throw invalidField(path, 'is a message_delta without input_tokens; send the message_start too');
  }
  const isOpen = later.length === 0 && first === body?.usage;
  const warnings = isOpen ? [`${path} has no message_delta after its message_start: the output is not final`] : [];
  return { fields, path, body, warnings };
}

function findStartedMessage(event: Fields): Fields | null {
  const start = event.type === 'message_start' ? event : toFields(event.message_start);
  if (!start) return null;
  return toFields(start.message) ?? (toFields(start.usage) ? start : { usage: start });
}

function findDeltaUsage(event: Fields): unknown {
  if (event.type === 'message_delta') return event.usage;
  const delta = toFields(event.message_delta);
  return delta?.usage ?? delta;
}

/** The three numbers that together are the input. */
const INPUT_SIDE: readonly string[] = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'];
const CACHE_SIDE = INPUT_SIDE.slice(1);

function numberOf(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : 0;
}

function sumOf(usage: Fields, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + numberOf(usage[name]), 0);
}

/**
 * Whether the later event tells the whole input anew. Servers that speak Anthropic's protocol begin
 * with the whole prompt as `input_tokens` and say only at the end how much of it came from a cache:
 * then the three numbers belong together, and none of them may be mixed with an earlier one. One
 * that says less than was said before is a proxy's 0 for "said before".
 */
function tellsInput(merged: Fields, later: Fields): boolean {
  const hasBoth = typeof later.input_tokens === 'number' && CACHE_SIDE.some((name) => typeof later[name] === 'number');
  return hasBoth && sumOf(later, INPUT_SIDE) >= sumOf(merged, INPUT_SIDE);
}

/** Whether the later event's `input_tokens` repeats the sum of all three. */
function repeatsSum(merged: Fields, later: Fields): boolean {
  const cached = sumOf(merged, CACHE_SIDE);
  const isAlone = !CACHE_SIDE.some((name) => typeof later[name] === 'number');
  return cached > 0 && isAlone && later.input_tokens === numberOf(merged.input_tokens) + cached;
}

/**
 * Totals only grow, so the larger number is the later one, also where a proxy writes 0 for "said
 * before".
 */
function mergeUsage(merged: Record<string, unknown>, later: Fields): void {
  const isWhole = tellsInput(merged, later);
  const isRepeated = repeatsSum(merged, later);
  if (isWhole) for (const name of INPUT_SIDE) delete merged[name];
  for (const [name, value] of Object.entries(later)) {
    if (value === null || value === undefined || (isRepeated && name === 'input_tokens')) continue;
    const known = merged[name];
    const isOlder = typeof known === 'number' && typeof value === 'number' && value >= 0 && known > value;
    if (!isOlder) merged[name] = value;
  }
}
