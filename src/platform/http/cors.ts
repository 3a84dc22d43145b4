const ALLOW = {
  'Access-Control-Allow-Methods': 'GET, HEAD, POST, PATCH, DELETE, OPTIONS',
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, Content-Encoding, Idempotency-Key, Accept',
  'Access-Control-Expose-Headers':
    'X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After',
  'Access-Control-Max-Age': '86400',
};

/**
 * The CORS headers for a page of `origin`: never with credentials, since the key travels in a header that pages must
 * set on purpose. None for requests that no page made.
 */
export function corsHeaders(allowed: readonly string[], origin: string | null): [string, string][] {
  if (origin === null) return [];
  if (allowed.includes('*')) return [['Access-Control-Allow-Origin', '*'], ...Object.entries(ALLOW)];
  if (!allowed.includes(origin)) return [['Vary', 'Origin']];
  return [['Access-Control-Allow-Origin', origin], ['Vary', 'Origin'], ...Object.entries(ALLOW)];
}
