import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { Resources } from './domain/context.ts';
import { createFastHandler } from './graphql/server/fast-handler.ts';
import { GRAPHQL_PATH, type GraphQLHandler } from './graphql/server/handler.ts';
import { addAnswerHeaders } from './platform/http/answer-headers.ts';
import { BODY_LIMIT_BYTES } from './platform/http/http-body.ts';
import {
  ALL_METHODS,
  describeHttpFailure,
  type HttpFailure,
  NO_HOST,
  NO_TARGET,
} from './platform/http/node-failures.ts';
import { incomingHeader, readIncoming, readIncomingText, toWebRequest } from './platform/http/node-request.ts';
import { hasValidHost, isRepeated } from './platform/http/request-target.ts';
import { newUuid } from './platform/ids.ts';
import { countAnswer, NO_ROUTE } from './platform/metrics/request-metrics.ts';
import { findFixedPost } from './rest/app.ts';
import type { RestRequest } from './rest/http/request.ts';
import type { Route } from './rest/http/route.ts';

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string | Uint8Array | null;
}

export interface ListenerParts {
  resources: Resources;
  fetch(request: Request, address: string): Promise<Response>;
  handleGraphQL: GraphQLHandler;
  addressOf(incoming: IncomingMessage): string;
  /** Whether every request is refused, which `fetch` does. */
  isRefusing(): boolean;
}

interface Bindings {
  incoming: IncomingMessage;
}

/** What an HTTP/1.0 request without Host is assumed to mean. */
const LOCALHOST = 'localhost';
const BROKEN: HttpFailure = { status: 500, code: 'internal_error', message: 'Something went wrong on our side.' };

/** Bodies that must be unfolded first go the general way. */
function isPlainBody(incoming: IncomingMessage): boolean {
  const coding = incoming.headers['content-encoding'];
  return coding === undefined || coding === 'identity';
}

/**
 * Whether a header came more than once. Node keeps the first of some, where `fetch` refuses the two
 * together, so such requests go the general way.
 */
function hasRepeatedHeader({ headers, rawHeaders }: IncomingMessage): boolean {
  return Object.keys(headers).length * 2 !== rawHeaders.length;
}

/**
 * What Node's server calls for each request. The few hot ones (a REST POST at a fixed path, a known
 * GraphQL operation) are answered straight from the socket by the same route or operation; all else
 * goes through `fetch`.
 */
export function createListener(parts: ListenerParts): RequestListener {
  const { resources, fetch, handleGraphQL, addressOf, isRefusing } = parts;
  const { config } = resources;
  const { requests } = resources.metrics;
  const graphql = requests.meter('POST', GRAPHQL_PATH);
  const handleFast = createFastHandler(resources);

  function write(incoming: IncomingMessage, outgoing: ServerResponse, requestId: string, answer: Answer): void {
    const { status, headers, body } = answer;
    addAnswerHeaders(headers, { requestId, origin: incoming.headers.origin ?? null, status }, config.corsOrigins);
    const bytes = body === null ? 0 : Buffer.byteLength(body);
    if (body !== null) headers['Content-Length'] = String(bytes);
    outgoing.writeHead(status, headers);
    // Text of as many bytes as letters is ASCII, which takes a shorter way to the socket.
    if (typeof body === 'string') outgoing.end(body, bytes === body.length ? 'latin1' : 'utf8');
    else outgoing.end(body ?? undefined);
  }

  async function answerRoute(route: Route, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const startedMs = performance.now();
    const requestId = newUuid();
    const request: RestRequest = {
      method: 'POST',
      search: '',
      params: {},
      header: (name) => incomingHeader(incoming, name),
      bytes: (maxBytes) => readIncoming(incoming, maxBytes),
      text: (maxBytes = BODY_LIMIT_BYTES) => readIncomingText(incoming, maxBytes),
      requestId,
      address: addressOf(incoming),
    };
    const { status, headers, body } = await route.handle(resources, request);
    if (body instanceof ReadableStream) throw new Error('a route of the fast path does not stream');
    countAnswer(requests.meter('POST', route.definition.path), status, startedMs);
    write(incoming, outgoing, requestId, { status, headers, body });
  }

  async function answerGraphQL(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const startedMs = performance.now();
    const info = { requestId: newUuid(), address: addressOf(incoming) };
    const read = () => readIncoming(incoming, BODY_LIMIT_BYTES);
    const result = await handleFast((name) => incomingHeader(incoming, name), read, info);
    if ('answer' in result) {
      countAnswer(graphql, result.answer.status, startedMs);
      return write(incoming, outgoing, info.requestId, result.answer);
    }
    if (!result.bytes) return void general(incoming, outgoing);
    const response = await handleGraphQL(toWebRequest(incoming, result.bytes), info, result.admitted);
    // `write` counts the bytes itself, and two lengths in one answer are an error to some clients.
    countAnswer(graphql, response.status, startedMs);
    const { 'content-length': _, ...headers } = Object.fromEntries(response.headers);
    write(incoming, outgoing, info.requestId, { status: response.status, headers, body: await response.text() });
  }

  function refuse(incoming: IncomingMessage, outgoing: ServerResponse, failure: HttpFailure): void {
    countAnswer(requests.meter(incoming.method ?? '', NO_ROUTE), failure.status, performance.now());
    const { status, headers, body } = describeHttpFailure(failure);
    // Its body is not read, so the connection cannot go on.
    write(incoming, outgoing, newUuid(), { status, headers: { ...headers, Connection: 'close' }, body });
  }

  /** `OPTIONS *` asks for what the server as a whole can do; nothing else has no path. */
  function answerAsterisk(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const answer: Answer = { status: 204, headers: { Allow: ALL_METHODS }, body: null };
    if (incoming.method === 'OPTIONS') write(incoming, outgoing, newUuid(), answer);
    else refuse(incoming, outgoing, NO_TARGET);
  }

  const general = getRequestListener(
    (request, env) => {
      const { incoming } = env as unknown as Bindings;
      return fetch(request, addressOf(incoming));
    },
    {
      hostname: LOCALHOST,
      errorHandler(error) {
        if (!(error instanceof RequestError)) resources.log.error({ err: error }, 'a request could not be answered');
        const failure = error instanceof RequestError ? NO_TARGET : BROKEN;
        const { status, headers, body } = describeHttpFailure(failure);
        return new Response(body, { status, headers });
      },
    },
  );

  return (incoming, outgoing) => {
    const fail = (error: unknown) => {
      resources.log.warn({ err: error }, 'a request could not be answered');
      if (outgoing.headersSent || incoming.destroyed) outgoing.destroy();
      else refuse(incoming, outgoing, BROKEN);
    };
    if (!hasValidHost(incoming)) return refuse(incoming, outgoing, NO_HOST);
    if (incoming.method === 'POST' && isPlainBody(incoming) && !hasRepeatedHeader(incoming) && !isRefusing()) {
      const path = incoming.url ?? '';
      const route = findFixedPost(path);
      if (route) return void answerRoute(route, incoming, outgoing).catch(fail);
      if (path === GRAPHQL_PATH && takesWhole(incoming)) return void answerGraphQL(incoming, outgoing).catch(fail);
    }
    if (incoming.url === '*') return answerAsterisk(incoming, outgoing);
    if (isRepeated(incoming, 'host')) return refuse(incoming, outgoing, NO_HOST);
    general(incoming, outgoing);
  };
}

/** Whether the declared body fits; what says nothing, or streams back, goes the general way. */
function takesWhole(incoming: IncomingMessage): boolean {
  const length = Number(incoming.headers['content-length'] ?? 'NaN');
  const streams = (incoming.headers.accept ?? '').includes('text/event-stream');
  return length <= BODY_LIMIT_BYTES && !streams;
}
