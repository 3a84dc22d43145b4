/** A connection was refused by our own rules. */
export class OutboundRefusal extends Error {
  override readonly name = 'OutboundRefusal';

  constructor() {
    super('the address is private, loopback, link-local or reserved');
  }
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'the connection was refused'],
  ['ECONNRESET', 'the connection was closed before an answer'],
  ['EPIPE', 'the connection was closed before an answer'],
  ['UND_ERR_SOCKET', 'the connection was closed before an answer'],
  ['UND_ERR_CLOSED', 'the connection was closed before an answer'],
  ['UND_ERR_DESTROYED', 'the connection was closed before an answer'],
  ['ENOTFOUND', 'the host name has no address'],
  ['ENODATA', 'the host name has no address'],
  ['EAI_AGAIN', 'the host name could not be resolved'],
  ['ETIMEOUT', 'the host name could not be resolved'],
  ['ESERVFAIL', 'the host name could not be resolved'],
  ['EHOSTUNREACH', 'the host is not reachable'],
  ['ENETUNREACH', 'the host is not reachable'],
  ['ETIMEDOUT', 'the connection took too long'],
  ['UND_ERR_CONNECT_TIMEOUT', 'the connection took too long'],
  ['UND_ERR_HEADERS_TIMEOUT', 'the answer took too long'],
  ['UND_ERR_HEADERS_OVERFLOW', 'the headers of the answer are too large'],
]);

/** Codes of Node's TLS and of OpenSSL, which say by themselves what is wrong. */
const TELLING = /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH)/;

/** Whatever a socket says; several addresses that all failed are one error with several causes. */
function causesOf(error: unknown): unknown[] {
  if (error instanceof AggregateError) return error.errors.flatMap(causesOf);
  return error instanceof Error && error.cause !== undefined ? [error, ...causesOf(error.cause)] : [error];
}

/** Says why a call failed, in words that show nothing of the inside of our network. */
export function explainFailure(error: unknown): string {
  for (const cause of causesOf(error)) {
    if (cause instanceof OutboundRefusal) return cause.message;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const reason = REASONS.get(code);
    if (reason !== undefined) return reason;
    if (cause instanceof Error && cause.name === 'HTTPParserError') return 'the answer is not HTTP';
    if (TELLING.test(code)) return `TLS failed (${code})`;
  }
  return 'the request failed';
}
