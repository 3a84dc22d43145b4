import { type ExecutionResult, GraphQLError } from 'graphql';
import { createYoga, type GraphQLParams, type Plugin } from 'graphql-yoga';
import { type Admission, admit } from '../../domain/access/admit.ts';
import type { Context, Resources } from '../../domain/context.ts';
import { AppError, ERROR_STATUS, type ErrorCode } from '../../platform/errors.ts';
import { BODY_LIMIT_BYTES, mediaType, readBodyText } from '../../platform/http/http-body.ts';
import type { RequestInfo } from '../../platform/http/request-info.ts';
import { isObject, parseJson } from '../../platform/json.ts';
import { rateLimitHeaders } from '../../platform/rate-limiter.ts';
import { translateError } from '../builder/errors.ts';
import { schema } from '../schema.ts';
import { type GraphiQLPage, renderGraphiQLPage } from './graphiql-page.ts';
import { QUERY_LIMITS, queryLimitsRule } from './query-limits.ts';

export const GRAPHQL_PATH = '/graphql';

type ServerContext = Context;

/** An answer ready to be written. */
export interface GraphQLAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** A failure before GraphQL has the request, in GraphQL's own form. */
export function refuseRequest(
  error: unknown,
  resources: Resources,
  { requestId }: RequestInfo,
  more: Record<string, string> = {},
): GraphQLAnswer {
  const translated = translateError(error, resources.log, requestId);
  const code = translated.extensions.code as ErrorCode;
  const headers: Record<string, string> = { 'Content-Type': 'application/json; charset=utf-8', ...more };
  const { retryAfterSeconds } = (translated.extensions.details ?? {}) as { retryAfterSeconds?: number };
  if (retryAfterSeconds !== undefined) headers['Retry-After'] = String(retryAfterSeconds);
  return { status: ERROR_STATUS[code], headers, body: JSON.stringify({ errors: [translated] }) };
}

/**
 * Our own parser: counts the bytes, and keeps the digits of money that is written as a JSON number.
 */
async function parseBody(request: Request): Promise<GraphQLParams> {
  try {
    const params = parseJson(await readBodyText(request, BODY_LIMIT_BYTES));
    if (isObject(params)) return params;
    throw new AppError('invalid_request', 'The body must be a JSON object with a query.');
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const http = { status: ERROR_STATUS[error.code] };
    throw new GraphQLError(error.message, { originalError: error, extensions: { http } });
  }
}

const ownBodyParser: Plugin = {
  onRequestParse({ request, setRequestParser }) {
    if (request.method === 'POST') setRequestParser(parseBody);
  },
};

const queryLimits: Plugin = {
  onValidate({ addValidationRule }) {
    addValidationRule(queryLimitsRule);
  },
  onParse({ params }) {
    params.options = { ...params.options, maxTokens: QUERY_LIMITS.tokens };
  },
};

const translatedErrors: Plugin<object, ServerContext> = {
  onResultProcess({ result, setResult, serverContext }) {
    if (Array.isArray(result) || Symbol.asyncIterator in result) return;
    const { errors, ...rest } = result as ExecutionResult;
    if (!errors) return;
    const { resources, requestId } = serverContext;
    setResult({ ...rest, errors: errors.map((error) => translateError(error, resources.log, requestId)) });
  },
};

/** Rendered when it is first asked for, and kept. */
let page: Promise<GraphiQLPage> | null = null;

async function graphiqlPage(): Promise<Response> {
  page ??= renderGraphiQLPage(GRAPHQL_PATH);
  const { html, headers } = await page;
  return new Response(html, { headers });
}

function wantsPage(request: Request): boolean {
  return (
    request.method === 'GET' &&
    (request.headers.get('accept') ?? '').includes('text/html') &&
    !new URL(request.url).searchParams.has('query')
  );
}

/**
 * The methods and media types of GraphQL over HTTP. A form cannot send JSON, so no page can post on
 * its own.
 */
function checkForm(request: Request): AppError | null {
  if (request.method !== 'GET' && request.method !== 'POST') {
    return new AppError('method_not_allowed', 'GraphQL takes GET and POST.');
  }
  if (request.method === 'POST' && mediaType(request.headers.get('content-type')) !== 'application/json') {
    return new AppError('unsupported_media_type', 'Send the operation as application/json.');
  }
  return null;
}

/** `admitted`: by whoever began with this request, so that it is counted once. */
export type GraphQLHandler = (request: Request, info: RequestInfo, admitted?: Admission) => Promise<Response>;

/** GraphQL over HTTP: admission, plan limits, then Yoga. */
export function createGraphQLHandler(resources: Resources): GraphQLHandler {
  const refuse = (...[error, info, headers]: [unknown, RequestInfo, Record<string, string>?]) => {
    const { body, ...init } = refuseRequest(error, resources, info, headers);
    return new Response(body, init);
  };
  const yoga = createYoga<ServerContext>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    context: (initial) => initial,
    maskedErrors: false,
    graphiql: false,
    landingPage: false,
    multipart: false,
    batching: false,
    cors: false,
    maxRequestBodySize: false,
    logging: false,
    plugins: [ownBodyParser, queryLimits, translatedErrors],
  });

  return async (request, info, admitted) => {
    if (wantsPage(request)) return graphiqlPage();
    const misuse = checkForm(request);
    const allow: Record<string, string> = misuse?.code === 'method_not_allowed' ? { Allow: 'GET, POST' } : {};
    try {
      const authorization = request.headers.get('authorization');
      // With a key it counts as every request does; without one there is nothing to count.
      if (misuse && authorization === null) return refuse(misuse, info, allow);
      const { caller, rateLimit, refusal } = admitted ?? (await admit(resources, authorization, info.address));
      const headers = rateLimitHeaders(rateLimit);
      if (refusal) return refuse(refusal, info, headers);
      if (misuse) return refuse(misuse, info, { ...headers, ...allow });
      const response = await yoga.fetch(request, { resources, caller, requestId: info.requestId });
      for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
      // An answer may show a secret, such as that of a new API key.
      response.headers.set('Cache-Control', 'no-store');
      return response;
    } catch (error) {
      return refuse(error, info);
    }
  };
}
