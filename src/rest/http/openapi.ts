import { OpenAPIHono, z } from '@hono/zod-openapi';
import { SCOPES } from '../../domain/access/scopes.ts';
import { BODY_EXAMPLES } from '../reference/body-examples.ts';
import { answerSchema } from './answer-schema.ts';
import {
  ANSWER_HEADERS,
  BELOW_ROUTES,
  type DocumentedOperation,
  describeAnswers,
  type SharedResponses,
} from './document/describe-answers.ts';
import { IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_MAX } from './idempotency-key.ts';
import { type AnyDefinition, type Route, takesIdempotencyKey } from './route.ts';
import { errorEnvelope } from './schemas.ts';

const ERRORS: Readonly<Record<number, string>> = {
  400: 'The request is not valid; `details.fields` names what is wrong.',
  401: 'The API key is missing, unknown, revoked or expired.',
  402: 'A blocking budget or the credits have no room.',
  403: 'The API key lacks a scope, named in `details.required_scope`.',
  404: 'There is no such thing, or the key may not see it.',
  405: 'The path does not take this method; `Allow` names those that it takes.',
  409: 'The id was used before with another body, or the state does not allow this.',
  413: 'The body is too large.',
  415: 'The body has another media type than the route takes.',
  429: "The plan's limit is reached; `Retry-After` says for how long.",
  431: 'The path, query and headers are too large together.',
  500: 'Something went wrong on our side.',
  503: 'The server cannot take this now; `Retry-After` says when to try again.',
};
const EVERYWHERE = [400, 401, 403, 405, 429, 431, 500, 503];
const WITH_BODY = [413, 415];
const JSON_TYPE = 'application/json';
const TEXT = { type: 'string' } as const;

const TAGS: Readonly<Record<string, string>> = {
  Usage: 'Record usage and read it back, as totals or as events.',
  Costs: 'What it costs, and what it would.',
  Prices: 'What is charged, by whom, since when.',
  Jobs: 'Work that goes on after the answer to whoever asked for it.',
  Holds: 'Reserve the worst case of a call before it is made.',
  Budgets: 'How much may be used, by whom, in which period.',
  Credits: 'Money paid in advance.',
  Events: 'The log of what happened.',
  Webhooks: 'Where events are sent to, and what became of them.',
  Teams: 'The parts of an organization that usage and budgets are told apart by.',
  'API keys': 'What programs and people authenticate with.',
  Members: 'The people of a team, what they may do, and who is invited.',
  Organizations: 'The tenants, for whoever runs this server: only with the operator key.',
  Access: 'Who may do what, and who did.',
};

const REPLAY = {
  text: 'Makes a repeat harmless for 24 hours: it gets the first answer. Another body is refused with 409.',
  max: IDEMPOTENCY_KEY_MAX,
};

function idempotencyHeader({ text, max }: typeof REPLAY) {
  return z.object({ [IDEMPOTENCY_KEY]: z.string().min(1).max(max).optional().openapi({ description: text }) });
}

const ENVELOPE = { [JSON_TYPE]: errorEnvelope };

/** @param forms schemas of failures by media type; a method that no route takes has the usual one */
function errorResponses(statuses: readonly number[], forms: Readonly<Record<string, z.ZodType>> = ENVELOPE) {
  const sorted = [...new Set(statuses)].sort((a, b) => a - b);
  return Object.fromEntries(
    sorted.map((status) => {
      const content = Object.entries(BELOW_ROUTES.has(status) ? ENVELOPE : forms).map(([type, schema]) => [
        type,
        { schema },
      ]);
      return [status, { description: ERRORS[status] ?? '', content: Object.fromEntries(content) }];
    }),
  );
}

function answerSchemaOf({ operation, answerName, operationId }: AnyDefinition) {
  if (!operation) throw new Error(`${operationId} must give a schema of its answer`);
  return answerSchema(operation.document, answerName);
}

function addRoute(app: OpenAPIHono, { definition, params, query, body: reader }: Route): void {
  const body = reader?.schema ?? definition.documentedBody;
  const otherContent = Object.fromEntries(
    Object.entries(definition.hasUndocumentedMedia ? {} : (definition.otherMedia ?? {})).map(([type, example]) => [
      type,
      { schema: TEXT, example },
    ]),
  );
  const otherAnswers = Object.fromEntries((definition.otherAnswers ?? []).map((type) => [type, { schema: TEXT }]));
  const example = BODY_EXAMPLES.get(definition.operationId);
  const jsonContent = body && { schema: body, ...(example ? { example } : {}) };
  const keyed = takesIdempotencyKey(definition);
  const header = keyed ? REPLAY : definition.keyDescription;
  const statuses = [...(definition.errors ?? []), ...(keyed ? [409] : []), ...EVERYWHERE, ...(body ? WITH_BODY : [])];
  const scope = definition.scope ? `Scope: \`${definition.scope}\`.` : '';
  const operator = definition.operatorOnly ? 'Only with the operator key.' : '';
  app.openAPIRegistry.registerPath({
    method: definition.method,
    path: definition.path,
    operationId: definition.operationId,
    summary: definition.summary,
    description: [definition.description, scope, operator].filter(Boolean).join('\n\n') || definition.summary,
    tags: [definition.tag],
    security: definition.isOpen ? [] : [definition.operatorOnly ? { operatorKey: [] } : { apiKey: [] }],
    request: {
      ...(header ? { headers: idempotencyHeader(header) } : {}),
      ...(params ? { params } : {}),
      ...(query ? { query: query.schema } : {}),
      ...(jsonContent
        ? { body: { required: !definition.hasOptionalBody, content: { ...otherContent, [JSON_TYPE]: jsonContent } } }
        : {}),
    },
    responses: {
      ...Object.fromEntries(
        definition.success.map(({ status, description, schema = answerSchemaOf(definition) }) => [
          status,
          { description, content: { ...(definition.isStream ? {} : { [JSON_TYPE]: { schema } }), ...otherAnswers } },
        ]),
      ),
      ...errorResponses(statuses, definition.failureContent),
    },
  });
}

/** The query reader gathers `tag[KEY]=value` as `tags`: the document shows what callers write. */
function showTagParameter(paths: NonNullable<ReturnType<OpenAPIHono['getOpenAPI31Document']>['paths']>): void {
  for (const path of Object.values(paths)) {
    for (const parameter of path.get?.parameters ?? []) {
      if (!('name' in parameter) || parameter.name !== 'tags') continue;
      const schema = { type: 'object' as const, additionalProperties: TEXT };
      Object.assign(parameter, { name: 'tag', style: 'deepObject', explode: true, schema });
    }
  }
}

/** Every answer has headers, which depend on its status and on the route. */
function showHeaders(document: ReturnType<OpenAPIHono['getOpenAPI31Document']>, routes: readonly Route[]): void {
  const shared: SharedResponses = {};
  for (const { definition } of routes) {
    const operation = document.paths?.[definition.path]?.[definition.method];
    if (!operation) throw new Error(`the document lacks ${definition.operationId}`);
    const showsSecret = definition.showsSecret ?? false;
    const form = definition.failureContent ? 'Otlp' : '';
    const traits = { isKeyed: takesIdempotencyKey(definition), showsSecret, form };
    describeAnswers(operation as DocumentedOperation, traits, shared);
  }
  const responses = Object.fromEntries(Object.entries(shared).sort(([a], [b]) => (a < b ? -1 : 1)));
  document.components = { ...document.components, headers: ANSWER_HEADERS, responses };
}

/** The reference fills a field with its example: a filter that is optional must begin empty. */
function emptyOptionalFilters(paths: NonNullable<ReturnType<OpenAPIHono['getOpenAPI31Document']>['paths']>): void {
  for (const path of Object.values(paths)) {
    for (const parameter of path.get?.parameters ?? []) {
      if (!('schema' in parameter) || parameter.required || !parameter.schema) continue;
      const { example: _, ...schema } = Object(parameter.schema);
      parameter.schema = schema;
    }
  }
}

/**
 * The OpenAPI 3.1 document, from the same schemas that the routes check with.
 * @param publicUrl the address of the server, where it is configured
 */
export function createOpenApiDocument(
  routes: readonly Route[],
  version: string,
  publicUrl: string | null = null,
): object {
  const app = new OpenAPIHono();
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: `An API key: \`Authorization: Bearer mtr_live_...\`. Scopes: ${SCOPES.join(', ')}.`,
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'operatorKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'The operator key: `Authorization: Bearer <METERR_OPERATOR_KEY>`, as the server was started with it.',
  });
  for (const one of routes) addRoute(app, one);
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Meterr',
      version,
      description:
        'The open AI cost-tracking API. Money is an exact decimal string in USD; times are RFC 3339 in UTC. The same ' +
        'operations are in GraphQL, at `/graphql`.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [
      // Relative to the document, which may be below a prefix of a proxy.
      { url: '..', description: 'This server.' },
      ...(publicUrl === null ? [] : [{ url: publicUrl, description: 'This server, by its address.' }]),
    ],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
  });
  showTagParameter(document.paths ?? {});
  emptyOptionalFilters(document.paths ?? {});
  showHeaders(document, routes);
  return document;
}
