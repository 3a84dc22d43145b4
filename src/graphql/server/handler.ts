import type { ExecutionResult, GraphQLError } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import { type Admission, admit } from '../../domain/access/admit.ts';
import type { Context, Resources } from '../../domain/context.ts';
import { AppError, ERROR_STATUS, type ErrorCode } from '../../platform/errors.ts';
import { preferredType } from '../../platform/http/accept.ts';
import { mediaType } from '../../platform/http/http-body.ts';
import type { RequestInfo } from '../../platform/http/request-info.ts';
import { rateLimitHeaders } from '../../platform/rate-limits/rate-limiter.ts';
import { translateError, translateErrors } from '../builder/errors.ts';
import { graphiqlPage } from '../graphiql/graphiql-page.ts';
import { GRAPHQL_PATH } from '../graphql-path.ts';
import { schema } from '../schema.ts';
import { type AskedOperation, checkOperation } from './check-operation.ts';
import { admitOpen } from './open-operation.ts';
import { parseOperation, validateOperation } from './query-limits.ts';
import { parseRequest } from './read-request.ts';
import type { StreamDoor } from './serve-streams.ts';

export { GRAPHQL_PATH };

interface ServerContext extends Context {
  admission: Admission;
}

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

const ownParser: Plugin = {
  onRequestParse({ request, setRequestParser }) {
    if (request.method === 'POST' || request.method === 'GET') setRequestParser(parseRequest);
  },
};

/** Why a valid operation does not run after all, or null. */
async function refusalsOf(args: AskedOperation & { contextValue: ServerContext }): Promise<GraphQLError[] | null> {
  const { resources, requestId, admission } = args.contextValue;
  const errors = await checkOperation(resources, admission, args);
  return errors && translateErrors(errors, resources.log, requestId);
}

const NEEDS_STREAM =
  'A subscription is answered by a stream: send "Accept: text/event-stream", or use a WebSocket (graphql-transport-ws).';

const boundedOperations: Plugin<ServerContext> = {
  onParse({ setParseFn }) {
    setParseFn((source: string) => parseOperation(source));
  },
  onValidate({ params, setResult }) {
    setResult(validateOperation(schema, params.documentAST));
  },
  async onExecute({ args, setResultAndStopExecution }) {
    const errors = await refusalsOf(args);
    if (errors) setResultAndStopExecution({ errors });
  },
  // Whoever takes a stream has been served one before Yoga saw the request.
  onSubscribe({ args, setResultAndStopExecution }) {
    const { resources, requestId } = (args as { contextValue: ServerContext }).contextValue;
    const refusal = new AppError('invalid_request', NEEDS_STREAM);
    setResultAndStopExecution({ errors: translateErrors([refusal], resources.log, requestId) });
  },
};

const translatedErrors: Plugin<object, ServerContext> = {
  onResultProcess({ result, setResult, serverContext }) {
    if (Array.isArray(result) || Symbol.asyncIterator in result) return;
    const { errors, ...rest } = result as ExecutionResult;
    if (!errors) return;
    const { resources, requestId } = serverContext;
    setResult({ ...rest, errors: translateErrors(errors, resources.log, requestId) });
  },
};

function wantsPage(request: Request): boolean {
  return (
    request.method === 'GET' &&
    preferredType(request.headers.get('accept'), ['application/json', 'text/html']) === 'text/html' &&
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

/** GraphQL over HTTP: admission, plan limits, then a stream for subscriptions, and Yoga for all else. */
export function createGraphQLHandler(resources: Resources, streams: StreamDoor): GraphQLHandler {
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
    // Parsed texts are large; what is asked again is kept by the known operations.
    parserAndValidationCache: false,
    plugins: [ownParser, boundedOperations, translatedErrors],
  });

  return async (asked, info, admitted) => {
    let request = asked;
    if (resources.config.graphiql && wantsPage(request)) return graphiqlPage(request);
    const misuse = checkForm(request);
    const allow: Record<string, string> = misuse?.code === 'method_not_allowed' ? { Allow: 'GET, POST' } : {};
    try {
      const authorization = request.headers.get('authorization');
      // With a key it counts as every request does; without one there is nothing to count.
      if (misuse && authorization === null) return refuse(misuse, info, allow);
      const open = authorization === null && !admitted ? await admitOpen(request) : null;
      if (open) request = open.request;
      const admission = admitted ?? open?.admission ?? (await admit(resources, authorization, info.address));
      const { caller, refusal } = admission;
      if (refusal) return refuse(refusal, info, rateLimitHeaders(admission.rateLimit));
      if (misuse) return refuse(misuse, info, { ...rateLimitHeaders(admission.rateLimit), ...allow });
      const streamed = await streams.open(request, info, admission);
      const response = streamed ?? (await yoga.fetch(request, { resources, caller, ...info, admission }));
      // Its root fields may have been counted meanwhile.
      const headers = rateLimitHeaders(admission.rateLimit);
      if (admission.refusal) return refuse(admission.refusal, info, headers);
      for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
      // An answer may show a secret, such as that of a new API key.
      response.headers.set('Cache-Control', 'no-store');
      return response;
    } catch (error) {
      return refuse(error, info);
    }
  };
}
