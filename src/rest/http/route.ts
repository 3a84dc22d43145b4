import type { RouteConfig, z } from '@hono/zod-openapi';
import type { TadaDocumentNode } from 'gql.tada';
import { admit, admitCached } from '../../domain/access/admit.ts';
import type { Scope } from '../../domain/access/scopes.ts';
import type { Context, Resources } from '../../domain/context.ts';
import { translateError } from '../../graphql/builder/errors.ts';
import { compileOperation } from '../../graphql/server/execute.ts';
import { AppError } from '../../platform/errors.ts';
import { mediaType } from '../../platform/http/http-body.ts';
import { parseJson } from '../../platform/json.ts';
import { rateLimitHeaders } from '../../platform/rate-limiter.ts';
import { type Snake, snakeAliases } from './case.ts';
import { checkValue } from './check-value.ts';
import { fromGraphQLError, type RestFailure, translateFailure } from './errors.ts';
import { answerWithKey } from './idempotency-key.ts';
import { readQuery } from './read-query.ts';
import type { RestAnswer, RestRequest } from './request.ts';

/** A typed GraphQL document, its answer in snake_case, compiled when first used. */
export interface Operation<Result, Variables> {
  compiled(): ReturnType<typeof compileOperation>;
  /** Never set: carries the types. */
  types?: (variables: Variables) => Result;
}

/** Makes an operation of a document. */
export function operation<Result, Variables>(
  document: TadaDocumentNode<Result, Variables>,
): Operation<Snake<Result>, Variables> {
  let compiled: ReturnType<typeof compileOperation> | undefined;
  return {
    compiled() {
      compiled ??= compileOperation(snakeAliases(document));
      return compiled;
    },
  };
}

/** Runs an operation as the caller. Throws what GraphQL reported. */
export type Execute = <Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables,
) => Promise<Result>;

export interface RouteInput<Params, Query, Body> {
  params: Params;
  query: Query;
  body: Body;
  request: RestRequest;
}

export interface RouteAnswer {
  status: number;
  /** Plain data, sent as JSON; null for no body. */
  body: unknown;
  /** Set: a body that is sent as it is, instead. */
  raw?: { contentType: string; content: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> };
}

export interface Success {
  status: number;
  description: string;
  schema: z.ZodType | null;
}

/** The schema of named values: parameters of a path or a query. */
export type ObjectSchema<T> = z.ZodObject & z.ZodType<T>;

/** One route: an operation or two of GraphQL, and two small maps. */
export interface RouteDefinition<Params, Query, Body> {
  method: 'get' | 'post' | 'patch' | 'delete';
  /** OpenAPI's form: `/v1/usage/{id}`. */
  path: string;
  operationId: string;
  summary: string;
  description?: string;
  tag: string;
  scope: Scope | null;
  /** Set: only the operator may, and `scope` is null. */
  operatorOnly?: boolean;
  /** Set on a POST: a repeat is harmless by other means, so that the general `Idempotency-Key` is not for it. */
  ownIdempotency?: boolean;
  params?: ObjectSchema<Params>;
  query?: ObjectSchema<Query>;
  body?: z.ZodType<Body>;
  /** A body that is checked by `run`, item by item; documented all the same. */
  documentedBody?: z.ZodType;
  /** Media types beside JSON that `run` reads by itself, with an example of each for the document. */
  otherMedia?: Readonly<Record<string, string>>;
  /** Media types that the answer can be had in, by `Accept`, beside JSON. */
  otherAnswers?: readonly string[];
  success: Success[];
  /** Codes beyond those that every route may answer. */
  errors?: readonly (400 | 402 | 404 | 409)[];
  /** Set: failures in a form other than the usual envelope. */
  encodeFailure?(failure: RestFailure, request: RestRequest): RestAnswer;
  run(input: RouteInput<Params, Query, Body>, execute: Execute): Promise<RouteAnswer>;
}

type RouteName = Pick<RouteConfig, 'method' | 'path'>;

/** `POST /v1/teams` */
function nameOf({ method, path }: RouteName): string {
  return `${method.toUpperCase()} ${path}`;
}

/** Whether repeats of a request are told by the header `Idempotency-Key`. */
export function takesIdempotencyKey({
  method,
  ownIdempotency,
}: Pick<RouteDefinition<unknown, unknown, unknown>, 'method' | 'ownIdempotency'>): boolean {
  return method === 'post' && !ownIdempotency;
}

/** A route without its types, for the table. */
export interface Route {
  config: Pick<RouteConfig, 'method' | 'path'>;
  definition: RouteDefinition<unknown, unknown, unknown>;
  handle(resources: Resources, request: RestRequest): Promise<RestAnswer>;
}

const JSON_TYPE = 'application/json';
const JSON_HEADERS = { 'Content-Type': JSON_TYPE };

function readFailure(error: unknown, resources: Resources, requestId: string): RestFailure {
  return translateFailure(fromGraphQLError(translateError(error, resources.log, requestId)));
}

/** Turns any failure into its answer. */
export function answerFailure(error: unknown, resources: Resources, requestId: string): RestAnswer {
  const { status, headers, body } = readFailure(error, resources, requestId);
  return { status, headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(body) };
}

/**
 * The JSON body of a request.
 * @param otherMedia named by the media types that the route takes besides
 * @throws AppError unsupported_media_type, payload_too_large, invalid_request
 */
export async function readJsonBody(request: RestRequest, otherMedia: object = {}): Promise<unknown> {
  if (mediaType(request.header('content-type')) !== JSON_TYPE) {
    const types = new Set([JSON_TYPE, ...Object.keys(otherMedia)]);
    throw new AppError('unsupported_media_type', `Send the body as ${[...types].join(' or ')}.`);
  }
  return parseJson(await request.text());
}

function executeAs(context: Context): Execute {
  return async <Result, Variables>(one: Operation<Result, Variables>, variables: Variables) => {
    const { data, errors } = await one.compiled()(context, (variables ?? {}) as object);
    if (errors?.[0]) throw errors[0];
    return data as Result;
  };
}

/** Makes a route: admission, the checks of its schemas, its run, its answer. */
export function route<Params = unknown, Query = unknown, Body = unknown>(
  definition: RouteDefinition<Params, Query, Body>,
): Route {
  async function answer(context: Context, request: RestRequest): Promise<RestAnswer> {
    const params = definition.params ? checkValue(definition.params, request.params) : (undefined as Params);
    const query = readQuery(definition.query, request.search);
    const hasBody = definition.body ?? definition.documentedBody;
    const { otherMedia } = definition;
    const isOther = otherMedia !== undefined && mediaType(request.header('content-type')) in otherMedia;
    const raw = hasBody && !isOther ? await readJsonBody(request, otherMedia) : undefined;
    const body = definition.body ? checkValue(definition.body, raw) : (raw as Body);
    const result = await definition.run({ params, query, body, request }, executeAs(context));
    const { status, raw: content } = result;
    if (content) return { status, headers: { 'Content-Type': content.contentType }, body: content.content };
    if (result.body === null) return { status, headers: {}, body: null };
    return { status, headers: { ...JSON_HEADERS }, body: JSON.stringify(result.body) };
  }

  return {
    config: definition,
    definition: definition as RouteDefinition<unknown, unknown, unknown>,
    async handle(resources, request) {
      const fail = (error: unknown) =>
        definition.encodeFailure
          ? definition.encodeFailure(readFailure(error, resources, request.requestId), request)
          : answerFailure(error, resources, request.requestId);
      let limitHeaders: Record<string, string> = {};
      let result: RestAnswer;
      try {
        const authorization = request.header('authorization');
        const admission =
          admitCached(resources, authorization) ?? (await admit(resources, authorization, request.address));
        const { caller, rateLimit, refusal } = admission;
        limitHeaders = rateLimitHeaders(rateLimit);
        if (refusal) throw refusal;
        const context = { resources, caller, requestId: request.requestId };
        result = takesIdempotencyKey(definition)
          ? await answerWithKey(context, nameOf(definition), request, (one) => answer(context, one).catch(fail))
          : await answer(context, request);
      } catch (error) {
        result = fail(error);
      }
      Object.assign(result.headers, limitHeaders);
      return result;
    },
  };
}
