import type { Config } from '../../../config.ts';
import { formatId } from '../../../platform/ids.ts';
import type { OutboundHttp } from '../../../platform/outbound-http/outbound-http.ts';
import type { DueDelivery } from './claim-deliveries.ts';
import type { DeliveryAttempt } from './delivery.ts';
import { messageBody } from './message.ts';
import { nextTryMs } from './retry-schedule.ts';
import { signMessage } from './sign-message.ts';

/** How long a receiver has to answer. */
export const ANSWER_TIMEOUT_MS = 15_000;
const USER_AGENT = 'Meterr-Webhooks/1';

/** What one try came to. */
export interface TriedDelivery {
  attempt: DeliveryAttempt;
  succeeded: boolean;
  /** Whether the receiver says that it is gone for ever: 410. */
  isGone: boolean;
  /** When it is tried again; null: it is not. */
  nextAttemptMs: number | null;
}

export interface TryOptions {
  config: Pick<Config, 'publicUrl' | 'webhookRetrySeconds'>;
  http: OutboundHttp;
  clock: () => number;
  signal?: AbortSignal;
}

const isSuccess = (status: number | null) => status !== null && status >= 200 && status < 300;
const isRedirect = (status: number | null) => status !== null && status >= 300 && status < 400;

/** Sends a delivery once. It never rejects. */
export async function tryDelivery(
  delivery: Omit<DueDelivery, 'id' | 'organizationId' | 'webhookId'>,
  { config, http, clock, signal }: TryOptions,
): Promise<TriedDelivery> {
  const { event, secrets, url, tries } = delivery;
  const atMs = clock();
  const body = messageBody(event, { ...delivery, publicUrl: config.publicUrl });
  const headers = {
    'content-type': 'application/json',
    'user-agent': USER_AGENT,
    ...signMessage(formatId('event', event.id), atMs, body, secrets),
  };
  const { statusCode, error, text, retryAfter, durationMs } = await http.post(url, headers, body, signal);
  const succeeded = isSuccess(statusCode);
  const isGone = statusCode === 410;
  const attempt = {
    at: new Date(atMs).toISOString(),
    statusCode,
    durationMs,
    error: isRedirect(statusCode) ? 'redirects are not followed' : error,
    response: text,
  };
  const nextAttemptMs =
    succeeded || isGone ? null : nextTryMs(config.webhookRetrySeconds, tries + 1, retryAfter, clock());
  return { attempt, succeeded, isGone, nextAttemptMs };
}
