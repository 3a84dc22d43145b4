import type { z } from '@hono/zod-openapi';
import type { DocumentNode } from 'graphql';
import { type Admission, admit, admitCached } from '../../domain/access/admit.ts';
import { ANONYMOUS } from '../../domain/access/anonymous.ts';
import type { Scope } from '../../domain/access/scopes.ts';
import type { Context, Resources } from '../../domain/context.ts';
import { translateError } from '../../graphql/builder/errors.ts';
import type { AppError } from '../../platform/errors.ts';
import { mediaType, STRANGER_BODY_BYTES } from '../../platform/http/http-body.ts';
import { rateLimitHeaders } from '../../platform/rate-limits/rate-limiter.ts';
import { checkValue } from './check-value.ts';
import { fromGraphQLError, type RestFailure, translateFailure } from './errors.ts';
import { answerWithKey } from './idempotency-key.ts';
import { type Input, type InputReader, inputReader } from './input-schema.ts';
import { type Operation, questionOf } from './operation.ts';
import {
  type OwnQuery,
  pathSchema,
  type QueryReader,
  type QueryValues,
  queryReader,
  readPathNames,
  readQuery,
} from './query-schema.ts';
import { JSON_TYPE, type RestAnswer, type RestRequest, readJsonBody } from './request.ts';
import { type ConnectionAnswer, toList } from './schemas.ts';

/** Runs an operation as the caller. Throws what GraphQL reported. */
export type Execute = <Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables,
) => Promise<Result>;

export interface RouteInput<Variables> {
  /** The operation's, from path, query and body. */
  variables: Variables;
  /** The parameters of `ownQuery`. */
  own: Record<string, unknown>;
  /** Unchecked, where the route does that itself. */
  body: unknown;
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
  /** Set: not the answer of the operation as it is. */
  schema?: z.ZodType;
}

/** One route: its path, its scope, and an operation of GraphQL, from which all else is derived. */
export interface RouteDefinition<Result, Variables> {
  method: 'get' | 'post' | 'patch' | 'delete';
  /** OpenAPI's form: `/v1/usage/{id}`. */
  path: string;
  /** What GraphQL calls parameters of the path, where it is not the same. */
  pathNames?: Readonly<Record<string, string>>;
  operationId: string;
  summary: string;
  description?: string;
  tag: string;
  scope: Scope | null;
  /** Set: it needs no API key and ignores one, and `scope` is null. */
  isOpen?: boolean;
  /** Set: only the operator may, and `scope` is null. */
  operatorOnly?: boolean;
  /**
   * Set on a POST: a repeat is harmless by other means, so that the general `Idempotency-Key` is
   * not for it.
   */
  ownIdempotency?: boolean;
  /** Set beside `ownIdempotency`: what the header does all the same, and its maximum length. */
  keyDescription?: { text: string; max: number };
  /**
   * What it asks: it answers with the one root field of it. Those that it asks besides, `run`
   * names. Null: `runVerb` answers.
   */
  operation: Operation<Result, Variables> | null;
  others?: readonly Operation<unknown, never>[];
  /** The input type that the body is: what the path names of it is left out. */
  body?: string;
  /** Set: a request without any body is as one with `{}`. */
  hasOptionalBody?: boolean;
  /** A body that is checked by `run`, item by item; documented all the same. */
  documentedBody?: z.ZodType;
  /** The most that the query's `limit` may be. */
  maxLimit?: number;
  /** Parameters of the query that are no variables of the operation: `run` reads them. */
  ownQuery?: OwnQuery;
  /** Set: the answer shows a secret, which no cache may keep. */
  showsSecret?: boolean;
  /**
   * Media types beside JSON that `run` reads by itself, with an example of each for the document.
   */
  otherMedia?: Readonly<Record<string, string>>;
  /** Set: the document leaves `otherMedia` out. */
  hasUndocumentedMedia?: boolean;
  /** Media types that the answer can be had in, by `Accept`, beside JSON. */
  otherAnswers?: readonly string[];
  /** Set: only `otherAnswers` can be had, never JSON. */
  isStream?: boolean;
  /** Variables of the operation that the query does not give. */
  ownVariables?: readonly string[];
  success: readonly [Success, ...Success[]];
  /** The name of the answer's component, where it is not the type's. */
  answerName?: string;
  /** Codes beyond those that every route may answer. */
  errors?: readonly (400 | 402 | 404 | 409)[];
  /** The form of failures, where it is not the usual envelope, by media type. */
  failureContent?: Readonly<Record<string, z.ZodType>>;
  /** Set: failures in a form other than the usual envelope. */
  encodeFailure?(failure: RestFailure, request: RestRequest): RestAnswer;
  /** Set: what is answered with is made of the operation's answer; of a list, of each item. */
  respell?(answer: Answered<Result>): object;
  /** Set where `operation` is null: the document whose variables the query gives. It is not executed. */
  parameters?: DocumentNode;
  /**
   * Set where `operation` is null: what the API has no operation for. Only OTLP has that, whose spans
   * say what no input of GraphQL offers (decision 0065), and the export of costs (decision 0077).
   */
  runVerb?(context: Context, request: RestRequest, query: QueryValues): Promise<RouteAnswer>;
  /** Set: not just the operation's answer. */
  run?(input: RouteInput<Variables>, execute: Execute): Promise<RouteAnswer>;
}

/** What the root field answers with; of a connection, one node. */
export type Answered<Result> =
  Result extends Readonly<Record<string, infer Root>>
    ? Root extends { edges: { node: infer Node }[] }
      ? Node
      : Root
    : never;

/** `POST /v1/teams` */
function nameOf({ method, path }: { method: string; path: string }): string {
  return `${method.toUpperCase()} ${path}`;
}

/** Whether the header `Idempotency-Key` identifies repeats of a request. */
export function takesIdempotencyKey({
  method,
  ownIdempotency,
}: Pick<AnyDefinition, 'method' | 'ownIdempotency'>): boolean {
  return method === 'post' && !ownIdempotency;
}

export type AnyDefinition = RouteDefinition<unknown, unknown>;

/** A route without its types, for the table. */
export interface Route {
  definition: AnyDefinition;
  /** What of the request it reads, and how. */
  params: z.ZodObject | null;
  query: QueryReader | null;
  body: InputReader | null;
  handle(resources: Resources, request: RestRequest): Promise<RestAnswer>;
}

const NO_STORE = { 'Cache-Control': 'no-store' };
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
 * The answer to a request that no route takes. It counts and shows the plan's limit as every request
 * with a key does; without a key there is nothing to count.
 */
export async function refuseAdmitted(
  error: AppError,
  resources: Resources,
  request: RestRequest,
  headers: Record<string, string>,
): Promise<RestAnswer> {
  let limitHeaders: Record<string, string> = {};
  let failure: unknown = error;
  const authorization = request.header('authorization');
  if (authorization !== null) {
    try {
      const { rateLimit, refusal } = await admit(resources, authorization, request.address);
      limitHeaders = rateLimitHeaders(rateLimit);
      failure = refusal ?? error;
    } catch (thrown) {
      failure = thrown;
    }
  }
  const answer = answerFailure(failure, resources, request.requestId);
  Object.assign(answer.headers, limitHeaders, failure === error ? headers : {});
  return answer;
}

function renameKeys(values: object, names: ReadonlyMap<string, string>): Input {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [names.get(name) ?? name, value]));
}

function executeAs(context: Context): Execute {
  return async <Result, Variables>(one: Operation<Result, Variables>, variables: Variables) => {
    const { data, errors } = await one.compiled()(context, variables as Input);
    if (errors?.[0]) throw errors[0];
    return data as Result;
  };
}

/** Of a route that anybody may call. */
const OPEN: Admission = { caller: ANONYMOUS, rateLimit: null, refusal: null, requests: 0 };

/** Makes a route: admission, the checks of what it is sent, its operation, its answer. */
export function route<Result, Variables>(definition: RouteDefinition<Result, Variables>): Route {
  const document = definition.operation?.document ?? definition.parameters;
  const inPath = readPathNames(definition.path, definition.pathNames);
  const params = document ? pathSchema(document, inPath) : null;
  const names = new Set(inPath.values());
  const ownNames = new Set([...names, 'input', ...(definition.ownVariables ?? [])]);
  const query = document ? queryReader(document, ownNames, definition.maxLimit, definition.ownQuery) : null;
  const body = definition.body ? inputReader(definition.body, names) : null;
  const hasBody = body ?? definition.documentedBody;
  const question = document && questionOf(document);
  const takesInput = question?.variables.some(({ variable }) => variable.name.value === 'input');
  const { otherMedia } = definition;
  const maxBytes = definition.isOpen ? STRANGER_BODY_BYTES : undefined;
  const respell = (one: Answered<Result>): unknown => definition.respell?.(one) ?? one;

  async function ask(execute: Execute, variables: Variables): Promise<RouteAnswer> {
    if (!definition.operation) throw new Error(`${nameOf(definition)} asks nothing`);
    const [root] = Object.values((await execute(definition.operation, variables)) as Record<string, unknown>);
    const { status } = definition.success[0];
    if (!question?.isList) return { status, body: respell(root as Answered<Result>) };
    const { data, ...page } = toList(root as ConnectionAnswer<Answered<Result>>);
    return { status, body: { data: data.map(respell), ...page } };
  }

  async function answer(context: Context, request: RestRequest): Promise<RestAnswer> {
    const path = params ? renameKeys(checkValue(params, request.params), inPath) : {};
    const asked = readQuery(query, request.search);
    const isOther = otherMedia !== undefined && Object.hasOwn(otherMedia, mediaType(request.header('content-type')));
    const limits = { isOptional: definition.hasOptionalBody, maxBytes };
    const raw = hasBody && !isOther ? await readJsonBody(request, otherMedia, limits) : undefined;
    const input = body && (body.accept(raw) ?? checkValue(body.schema, raw));
    // `input` is made of the body and the path; other variables are the path's and the query's.
    const variables = (takesInput ? { input: { ...input, ...path } } : { ...path, ...asked.variables }) as Variables;
    const execute = executeAs(context);
    const result = await (definition.runVerb?.(context, request, asked) ??
      definition.run?.({ variables, own: asked.own, body: raw, request }, execute) ??
      ask(execute, variables));
    const { status, raw: content } = result;
    if (content) return { status, headers: { 'Content-Type': content.contentType }, body: content.content };
    if (result.body === null) return { status, headers: {}, body: null };
    return { status, headers: { ...JSON_HEADERS }, body: JSON.stringify(result.body) };
  }

  return {
    definition: definition as AnyDefinition,
    params,
    query,
    body,
    async handle(resources, request) {
      const fail = (error: unknown) =>
        definition.encodeFailure
          ? definition.encodeFailure(readFailure(error, resources, request.requestId), request)
          : answerFailure(error, resources, request.requestId);
      let limitHeaders: Record<string, string> = {};
      let result: RestAnswer;
      try {
        const authorization = request.header('authorization');
        const { caller, rateLimit, refusal } = definition.isOpen
          ? OPEN
          : (admitCached(resources, authorization) ?? (await admit(resources, authorization, request.address)));
        limitHeaders = rateLimitHeaders(rateLimit);
        if (refusal) throw refusal;
        const context = { resources, caller, requestId: request.requestId, address: request.address };
        result = takesIdempotencyKey(definition)
          ? await answerWithKey(context, nameOf(definition), request, (one) => answer(context, one).catch(fail))
          : await answer(context, request);
      } catch (error) {
        result = fail(error);
      }
      Object.assign(result.headers, limitHeaders);
      if (definition.showsSecret) Object.assign(result.headers, NO_STORE);
      return result;
    },
  };
}
