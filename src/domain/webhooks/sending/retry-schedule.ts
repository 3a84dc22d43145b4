/** How much longer than scheduled a wait may be, so that what failed together is not tried together. */
const JITTER = 0.1;
const MAX_RETRY_AFTER_MS = 86_400_000;

/** What `Retry-After` asks for: seconds, or a date of HTTP. 0 where it says neither; a day at most. */
export function readRetryAfterMs(header: string | null, nowMs: number): number {
  const text = header?.trim() ?? '';
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? 0 : Math.max(0, Math.min(ms, MAX_RETRY_AFTER_MS));
}

/**
 * When a delivery is tried again.
 * @param tries how many there were
 * @returns epoch milliseconds, or null where that was the last one
 */
export function nextTryMs(
  retrySeconds: readonly number[],
  tries: number,
  retryAfter: string | null,
  nowMs: number,
): number | null {
  const seconds = retrySeconds[tries - 1];
  if (seconds === undefined) return null;
  const waitMs = seconds * 1000 * (1 + JITTER * Math.random());
  return nowMs + Math.ceil(Math.max(waitMs, readRetryAfterMs(retryAfter, nowMs)));
}
