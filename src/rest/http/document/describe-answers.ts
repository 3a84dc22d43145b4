/** What of an OpenAPI operation this file reads and adds to. */
export interface DocumentedOperation {
  responses?: Record<string, DocumentedResponse>;
}

type DocumentedResponse =
  | { description: string; headers?: Record<string, { $ref: string }> }
  | { $ref: string; headers?: never };

interface Header {
  [extension: `x-${string}`]: unknown;
  description: string;
  required?: boolean;
  schema: {
    type: 'string' | 'integer';
    format?: string;
    minimum?: number;
    enum?: string[];
    example?: string;
  };
}

const WHOLE: Header['schema'] = { type: 'integer', minimum: 0 };
const UNLIMITED = 'An organization without a limit gets none.';

/** The headers of answers, as components of the document. */
export const ANSWER_HEADERS: Readonly<Record<string, Header>> = {
  'X-Request-Id': {
    description: 'The id of this request. The log of the server has it, too.',
    required: true,
    schema: { type: 'string', format: 'uuid' },
  },
  'X-RateLimit-Limit': { description: `Requests an hour that the plan allows. ${UNLIMITED}`, schema: WHOLE },
  'X-RateLimit-Remaining': { description: `Requests that are left in this hour. ${UNLIMITED}`, schema: WHOLE },
  'X-RateLimit-Reset': {
    description: `When the next hour begins, in seconds since 1970. ${UNLIMITED}`,
    schema: WHOLE,
  },
  'Retry-After': { description: 'Seconds to wait before the next try.', schema: { type: 'integer', minimum: 1 } },
  'WWW-Authenticate': { description: 'How to authenticate.', schema: { type: 'string', enum: ['Bearer'] } },
  'Idempotent-Replayed': {
    description: 'Set where this is the first answer to the same `Idempotency-Key`, sent again.',
    schema: { type: 'string', enum: ['true'] },
  },
  'Cache-Control': {
    description: 'An answer that shows a secret is not to be kept.',
    schema: { type: 'string', enum: ['no-store'] },
  },
  Allow: {
    description: 'The methods that the path takes.',
    required: true,
    schema: { type: 'string', example: 'GET, HEAD, POST' },
  },
  Connection: {
    description: 'The rest of the body is not read, so the connection ends.',
    schema: { type: 'string', enum: ['close'] },
  },
};

const LIMITS = ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'];
/** By status, beside those that every answer has. */
const BY_STATUS: ReadonlyMap<string, readonly string[]> = new Map([
  ['401', ['WWW-Authenticate']],
  ['405', ['Allow', ...LIMITS]],
  ['413', ['Connection', ...LIMITS]],
  ['429', ['Retry-After', ...LIMITS]],
  ['431', ['Connection']],
  ['503', ['Retry-After', ...LIMITS]],
]);
/** Answers that are not kept for an `Idempotency-Key`. */
const NOT_REPLAYED = /^(401|405|413|415|429|431|5..)$/;

/** Answers that are made before a route is known, so they are the same for all. */
export const BELOW_ROUTES: ReadonlySet<number> = new Set([405, 431]);

/** What of a route decides the headers of its answers. */
export interface AnswerTraits {
  /** Whether it takes the general `Idempotency-Key`. */
  isKeyed: boolean;
  showsSecret: boolean;
  /** Begins the names of its failures, where they have a form of their own. */
  form: string;
}

/** Failures that several operations share, by their names among the components. */
export type SharedResponses = Record<string, DocumentedResponse>;

/**
 * Adds to each response of an operation the headers that it may have, and moves its failures to
 * `shared`.
 */
export function describeAnswers(
  { responses = {} }: DocumentedOperation,
  { isKeyed, showsSecret, form }: AnswerTraits,
  shared: SharedResponses,
): void {
  for (const [status, response] of Object.entries(responses)) {
    const isReplayed = isKeyed && !NOT_REPLAYED.test(status);
    const names = [
      'X-Request-Id',
      ...(BY_STATUS.get(status) ?? LIMITS),
      ...(isReplayed ? ['Idempotent-Replayed'] : []),
      ...(showsSecret && !BELOW_ROUTES.has(Number(status)) ? ['Cache-Control'] : []),
    ];
    response.headers = Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
    if (Number(status) < 400) continue;
    const own = BELOW_ROUTES.has(Number(status)) ? '' : `${form}${showsSecret ? 'Secret' : ''}`;
    const name = `${own}Error${status}${isReplayed ? 'Replayable' : ''}`;
    shared[name] = response;
    responses[status] = { $ref: `#/components/responses/${name}` };
  }
}
