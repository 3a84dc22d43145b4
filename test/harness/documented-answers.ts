import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { openApiDocument } from '../../src/rest/app.ts';

// Holds real answers to the OpenAPI document: their status, headers, media type and body.

interface Schema {
  [keyword: string]: unknown;
}

interface DocumentedHeader {
  required?: boolean;
  schema: Schema;
}

interface DocumentedResponse {
  headers: Record<string, { $ref: string }>;
  content?: Record<string, { schema: Schema }>;
}

interface ApiDocument {
  paths: Record<string, Record<string, { responses: Record<string, DocumentedResponse | { $ref: string }> }>>;
  components: {
    schemas: Record<string, Schema>;
    headers: Record<string, DocumentedHeader>;
    responses: Record<string, DocumentedResponse>;
  };
}

/** A REST answer; `text` is null where the caller has not read it, or it has no body. */
export interface CheckedAnswer {
  method: string;
  /** With its query. */
  path: string;
  status: number;
  headers: Headers;
  text: string | null;
}

const document = (await openApiDocument()) as ApiDocument;
const templates = Object.keys(document.paths).map((template) => ({
  template,
  pattern: new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}/?$`),
}));
// A path without parameters comes first: `/v1/usage/history` is no `/v1/usage/{id}`.
templates.sort((a, b) => a.template.split('{').length - b.template.split('{').length);

/** What a request gets that no operation takes. */
const REFUSALS = new Set([401, 403, 405, 429, 500, 503]);
/** Of HTTP itself, of pages of other origins, and of the connection. */
const GENERAL = /^(content-type|content-length|date|connection|keep-alive|transfer-encoding|vary|access-control-.*)$/;

/** `POST /v1/usage` takes what `/v1/usage/batch` takes, and only the document of that tells of it. */
const BATCH = { of: '/v1/usage', at: '/v1/usage/batch', begins: '{"data":[' };

function templateOf({ method, path, text }: CheckedAnswer): string | undefined {
  const [bare = ''] = path.split('?', 1);
  const template = templates.find(({ pattern }) => pattern.test(bare))?.template;
  const isBatch = template === BATCH.of && method === 'POST' && text?.startsWith(BATCH.begins);
  return isBatch && Object.hasOwn(document.paths, BATCH.at) ? BATCH.at : template;
}

/** A copy in which an object has no properties but the documented ones. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Schema = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closed(inner)]));
  if ('properties' in copy && copy.type === 'object' && !('additionalProperties' in copy)) {
    copy.additionalProperties = false;
  }
  return copy;
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(closed({ components: document.components }) as Schema, 'api');
const validators = new Map<string, ValidateFunction>();

function rootedReferences(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('"#/components/', '"api#/components/'));
}

function validatorOf(name: string, schema: Schema): ValidateFunction {
  const known = validators.get(name);
  if (known) return known;
  const made = ajv.compile(rootedReferences(closed(schema)) as Schema);
  validators.set(name, made);
  return made;
}

function responseOf(template: string, method: string, status: number): DocumentedResponse | undefined {
  const path = document.paths[template];
  const operation = path?.[method === 'HEAD' ? 'get' : method.toLowerCase()];
  // A method that the path does not take gets one of the usual refusals.
  if (!operation) return REFUSALS.has(status) ? document.components.responses[`Error${status}`] : undefined;
  const found = operation.responses[status];
  return found && '$ref' in found ? document.components.responses[found.$ref.split('/').at(-1) ?? ''] : found;
}

function findHeaderProblems(documented: DocumentedResponse, headers: Headers): string[] {
  const names = Object.keys(documented.headers);
  const known = new Set(names.map((name) => name.toLowerCase()));
  const unknown = [...headers.keys()].filter((name) => !known.has(name) && !GENERAL.test(name));
  const wrong = names.flatMap((name) => {
    const { required = false, schema } = document.components.headers[name] as DocumentedHeader;
    const value = headers.get(name);
    if (value === null) return required ? [`lacks the header ${name}`] : [];
    const given = schema.type === 'integer' ? Number(value) : value;
    return validatorOf(name, schema)(given) ? [] : [`has ${name}: ${value}`];
  });
  return [...unknown.map((name) => `has the header ${name}`), ...wrong];
}

function findBodyProblems(documented: DocumentedResponse, name: string, { headers, text }: CheckedAnswer): string[] {
  const type = (headers.get('content-type') ?? '').split(';', 1)[0] ?? '';
  const content = documented.content?.[type];
  if (!content) return [`has the content type ${type || 'none'}`];
  if (text === null || !type.endsWith('json') || type.includes('ndjson')) return [];
  const validate = validatorOf(`${name} ${type}`, content.schema);
  if (validate(JSON.parse(text))) return [];
  return [`does not match its schema: ${ajv.errorsText(validate.errors)}`];
}

/**
 * Does nothing for a path that is not in the document.
 * @throws Error when the document does not tell of such an answer
 */
export function checkDocumented(answer: CheckedAnswer): void {
  const { method, status, headers } = answer;
  // What a browser asks by itself before a page's request.
  if (method === 'OPTIONS' && status === 204) return;
  const template = templateOf(answer);
  if (!template) return;
  const name = `${method} ${template} ${status}`;
  const documented = responseOf(template, method, status);
  const hasBody = method !== 'HEAD' && (answer.text === null || answer.text !== '');
  const problems = documented
    ? [...findHeaderProblems(documented, headers), ...(hasBody ? findBodyProblems(documented, name, answer) : [])]
    : ['has an undocumented status'];
  if (problems.length === 0) return;
  throw new Error(`openapi.json does not tell of the answer ${name}: it ${problems.join('; it ')}\n${answer.text}`);
}
