const ALLOW = {
  'Access-Control-Allow-Methods': 'GET, HEAD, POST, PATCH, DELETE, OPTIONS',
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, Content-Encoding, Idempotency-Key, Accept',
  'Access-Control-Expose-Headers':
    'X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, Idempotent-Replayed',
  'Access-Control-Max-Age': '86400',
};

/**
 * The CORS headers for a page of `origin`: never with credentials, since the key travels in a
 * header that pages must set on purpose.
 */
function corsHeaders(allowed: readonly string[], origin: string): [string, string][] {
  if (allowed.includes('*')) return [['Access-Control-Allow-Origin', '*'], ...Object.entries(ALLOW)];
  if (!allowed.includes(origin)) return [['Vary', 'Origin']];
  return [['Access-Control-Allow-Origin', origin], ['Vary', 'Origin'], ...Object.entries(ALLOW)];
}

/** What is known of a request whose answer gets its headers. */
export interface Answered {
  requestId: string;
  /** The request's `Origin`, where a page made it. */
  origin: string | null;
  status: number;
}

/** The rest of such a body is not read, so the connection cannot go on: the client must know. */
const TOO_LARGE = 413;

/** Adds the headers of every answer of this server, whichever door gives it. */
export function addAnswerHeaders(
  headers: Record<string, string>,
  { requestId, origin, status }: Answered,
  corsOrigins: readonly string[],
): Record<string, string> {
  headers['X-Request-Id'] = requestId;
  if (status === TOO_LARGE) headers.Connection = 'close';
  if (origin !== null) for (const [name, value] of corsHeaders(corsOrigins, origin)) headers[name] = value;
  return headers;
}
