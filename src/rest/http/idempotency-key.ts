import { runOnce } from '../../domain/access/run-once.ts';
import type { Context } from '../../domain/context.ts';
import { BODY_LIMIT_BYTES, decodeText } from '../../platform/http/http-body.ts';
import { parseJson, stableJson } from '../../platform/json/json.ts';
import { refuseAsWritten } from './check-value.ts';
import type { RestAnswer, RestRequest } from './request.ts';

export const IDEMPOTENCY_KEY = 'Idempotency-Key';
export const IDEMPOTENCY_KEY_MAX = 255;
const REPLAYED = { 'Idempotent-Replayed': 'true' };
/** Statuses that are not kept for replay: the same request may succeed later. */
const NOT_FINAL = new Set([401, 413, 415, 429]);

function isFinal({ status }: RestAnswer): boolean {
  return status < 500 && !NOT_FINAL.has(status);
}

/** The body, whatever order its keys were written in; as it is, where it is no JSON. */
function normalForm(text: string): string {
  try {
    return stableJson(parseJson(text));
  } catch {
    return text;
  }
}

/**
 * Answers a request that carries an Idempotency-Key: the first answer is replayed for 24 hours;
 * another body, or another thing in the path, is refused. Without the header it just runs.
 *
 * @param run must not reject: failures come as answers
 * @throws AppError idempotency_conflict, conflict, invalid_request
 */
export async function answerWithKey(
  context: Context,
  route: string,
  request: RestRequest,
  run: (request: RestRequest) => Promise<RestAnswer>,
): Promise<RestAnswer> {
  const key = request.header(IDEMPOTENCY_KEY.toLowerCase());
  if (key === null) return run(request);
  if (key.length === 0 || key.length > IDEMPOTENCY_KEY_MAX) {
    const message = `must have 1 to ${IDEMPOTENCY_KEY_MAX} characters`;
    throw refuseAsWritten([{ path: IDEMPOTENCY_KEY, message }]);
  }
  const bytes = await request.bytes(BODY_LIMIT_BYTES);
  const text = decodeText(bytes);
  const content = JSON.stringify([request.params, request.search, normalForm(text)]);
  const authorization = request.header('authorization') ?? '';
  const outcome = await runOnce(context, { authorization, key, route, content }, async () => {
    const answer = await run({ ...request, bytes: async () => bytes, text: async () => text });
    const { status, body } = answer;
    const isText = body === null || typeof body === 'string';
    return { answer, keep: isText && isFinal(answer) ? { status, body } : null };
  });
  if ('answer' in outcome) return outcome.answer;
  const { status, body } = outcome.replayed;
  return { status, headers: body === null ? REPLAYED : { 'Content-Type': 'application/json', ...REPLAYED }, body };
}
