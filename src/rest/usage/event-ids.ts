import { USAGE_LIMITS } from '../../domain/input/limits.ts';
import { refuseAsWritten } from '../http/check-value.ts';
import { IDEMPOTENCY_KEY } from '../http/idempotency-key.ts';
import type { RestRequest } from '../http/request.ts';

const HEADER = IDEMPOTENCY_KEY.toLowerCase();
/** What follows the key in the id of a batch's last event: `:9999`. */
const MAX_INDEX_CHARACTERS = 1 + String(USAGE_LIMITS.batchLines - 1).length;

export const SINGLE_KEY_DESCRIPTION =
  'The id of the event: the same as its `id`, which must be equal or left out. It makes a repeat harmless for ever.';
export const BATCH_KEY_MAX = USAGE_LIMITS.eventId - MAX_INDEX_CHARACTERS;
export const BATCH_KEY_DESCRIPTION =
  'Gives each event that has no `id` the id `KEY:INDEX`, with its place in the batch, from 0: the same batch may then ' +
  `be sent again. At most ${BATCH_KEY_MAX} characters.`;

/**
 * The header `Idempotency-Key` of a request that records usage; null without one.
 * @throws AppError invalid_request when it is empty or longer than `max` characters
 */
export function readEventKey(request: RestRequest, max: number): string | null {
  const key = request.header(HEADER);
  if (key === null || (key.length > 0 && key.length <= max)) return key;
  throw refuseAsWritten([{ path: IDEMPOTENCY_KEY, message: `must have 1 to ${max} characters here` }]);
}

/** Gives an event of a batch the id that the header says, unless it has one of its own. */
export function giveId(input: { id?: string | null }, key: string | null, index: number): void {
  if (key !== null) input.id ??= `${key}:${index}`;
}
