import { openApiDocument } from '../../src/rest/app.ts';
import { OPERATIONS, REST_ONLY } from '../harness/operations.ts';
import { kindOfPrefix, type ObjectKind, TYPE_ID } from './objects.ts';
import { kindsOf, type Question, type RestRequest, withValueAt } from './questions.ts';

interface Schema {
  $ref?: string;
  pattern?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
}

interface Parameter {
  name: string;
  in: string;
  schema: Schema;
}

interface ApiDocument {
  paths: Record<
    string,
    Record<string, { parameters?: Parameter[]; requestBody?: { content: Record<string, { schema: Schema }> } }>
  >;
  components: { schemas: Record<string, Schema> };
}

const document = (await openApiDocument()) as ApiDocument;
const JSON_TYPE = 'application/json';
const NDJSON = 'application/x-ndjson';
const CURSOR = 'cursor';
const IDEMPOTENCY_KEY = 'Idempotency-Key';
const ID_PATTERN = /^\^([a-z]+)_\[0-7\]/;

interface IdField {
  path: readonly string[];
  coordinate: string;
  kinds: readonly ObjectKind[];
}

const exampleOf = (schema: Schema) => {
  const [, prefix] = ID_PATTERN.exec(schema.pattern ?? '') ?? [];
  return prefix && `${prefix}_00000000000000000000000000`;
};

/** The fields of a body that take an id, at every depth. */
function idFields(schema: Schema, route: string, path: readonly string[] = [], typeName = ''): IdField[] {
  const inner = [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  const found = inner.flatMap((one) => idFields(one, route, path, typeName));
  if (schema.$ref) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return idFields(document.components.schemas[name] ?? {}, route, path, name);
  }
  if (schema.items) return [...found, ...idFields(schema.items, route, [...path, '[]'], typeName)];
  if (schema.properties) {
    const below = Object.entries(schema.properties).flatMap(([name, one]) =>
      idFields(one, route, [...path, name], typeName),
    );
    return [...found, ...below];
  }
  const name = path.findLast((part) => part !== '[]') ?? '';
  const example = exampleOf(schema);
  const kinds = kindsOf({ name, typeName, isId: example !== undefined, example }, kindOfPrefix);
  return kinds ? [...found, { path, coordinate: `${route} ${path.join('.')}`, kinds }] : found;
}

/** The kind of an id in a path: what the row of the operation has there, else what its pattern says. */
function kindInPath(template: string, name: string, example: string | undefined, pattern: string | undefined) {
  const place = template.split('/').indexOf(`{${name}}`);
  const given = example?.split('?')[0]?.split('/')[place];
  return kindsOf({ name, typeName: template, isId: true, example: given ?? pattern }, kindOfPrefix) ?? [];
}

interface Row {
  url?: string;
  body?: object;
  field: string | null;
  isOperators: boolean;
}

function rowOf(route: string): Row {
  const row = OPERATIONS.find(({ rest }) => `${rest.method} ${rest.path}` === route);
  const body = row ? row.rest.body : REST_ONLY[route]?.body;
  const isOperators = row?.scope === 'operator';
  return { ...(row && { url: row.rest.url }), ...(body && { body }), field: row?.field ?? null, isOperators };
}

/** How a body can be sent: NDJSON is one event of the batch on a line. */
function forms(route: string, content: Record<string, { schema: Schema }>, body: object | undefined) {
  const json = content[JSON_TYPE]?.schema;
  const all = json ? [{ name: route, contentType: JSON_TYPE, schema: json, body, isLines: false }] : [];
  const [first] = (body as { events?: object[] } | undefined)?.events ?? [];
  const event = { $ref: '#/components/schemas/RecordUsageInput' };
  if (content[NDJSON])
    all.push({ name: `${route} (NDJSON)`, contentType: NDJSON, schema: event, body: first, isLines: true });
  return all;
}

function questionsOfRoute(method: string, template: string): { asked: Question[]; keyed: Question[] } {
  const route = `${method.toUpperCase()} ${template}`;
  const { parameters = [], requestBody } = document.paths[template]?.[method] ?? {};
  const { url, body, field, isOperators } = rowOf(route);
  const inPath = parameters
    .filter((one) => one.in === 'path')
    .map(({ name, schema }) => ({ name, kinds: kindInPath(template, name, url, exampleOf(schema)) }));
  const needs = new Set([
    ...inPath.flatMap(({ kinds }) => kinds),
    ...[...JSON.stringify(body ?? {}).matchAll(TYPE_ID)].map(([, prefix = '']) => kindOfPrefix(prefix)),
  ]);

  function request(
    own: ReadonlyMap<ObjectKind, string>,
    inUrl: ReadonlyMap<string, string>,
    sent?: unknown,
  ): RestRequest {
    let path = template;
    for (const { name, kinds } of inPath) {
      path = path.replace(`{${name}}`, inUrl.get(name) ?? own.get(kinds[0] as ObjectKind) ?? '');
    }
    const query = [...inUrl].filter(([name]) => !inPath.some((one) => one.name === name));
    if (query.length > 0) path += `?${new URLSearchParams(query)}`;
    return { door: 'rest', method: method.toUpperCase(), path, ...(sent === undefined ? {} : { body: sent }) };
  }
  const ownBody = (own: ReadonlyMap<ObjectKind, string>) =>
    body && JSON.parse(JSON.stringify(body).replace(TYPE_ID, (id, prefix) => own.get(kindOfPrefix(prefix)) ?? id));
  const question = (part: Pick<Question, 'argument' | 'kinds' | 'ask'>, operation = route): Question => ({
    operation,
    coordinate: part.argument && `${operation} ${part.argument}`,
    needs,
    listedBy: field,
    isOperators,
    ...part,
  });

  const found: Question[] = [];
  for (const { name, kinds } of inPath) {
    found.push(
      question({
        argument: name,
        kinds,
        ask: (own, id) => request(own, id === null ? new Map() : new Map([[name, id]]), ownBody(own)),
      }),
    );
  }
  for (const { name, schema } of parameters.filter((one) => one.in === 'query')) {
    const example = exampleOf(schema);
    const kinds =
      name === CURSOR ? CURSOR : kindsOf({ name, typeName: route, isId: example !== undefined, example }, kindOfPrefix);
    if (kinds === null) continue;
    found.push(
      question({
        argument: name,
        kinds,
        ask: (own, id) => request(own, id === null ? new Map() : new Map([[name, id]]), ownBody(own)),
      }),
    );
  }
  for (const form of forms(route, requestBody?.content ?? {}, body)) {
    const { contentType, isLines } = form;
    for (const { path, kinds } of idFields(form.schema, form.name)) {
      const ask: Question['ask'] = (own, id) => {
        const mine = isLines ? form.body : ownBody(own);
        const sent = id === null ? mine : withValueAt(mine, path, id);
        const plain = request(own, new Map(), isLines ? `${JSON.stringify(sent)}\n` : sent);
        return { ...plain, headers: { 'content-type': contentType } };
      };
      found.push(question({ argument: path.join('.'), kinds, ask }, form.name));
    }
  }
  const plain = question({ argument: null, kinds: [], ask: (own) => request(own, new Map(), ownBody(own)) });
  const isKeyed = parameters.some((one) => one.in === 'header' && one.name === IDEMPOTENCY_KEY);
  const keyed: Question = {
    ...plain,
    argument: IDEMPOTENCY_KEY,
    ask: (own, id) => ({
      ...request(own, new Map(), ownBody(own)),
      headers: { 'content-type': JSON_TYPE, ...(id === null ? {} : { [IDEMPOTENCY_KEY]: id }) },
    }),
  };
  return { asked: found.length > 0 ? found : [plain], keyed: isKeyed && !isOperators ? [keyed] : [] };
}

/** `POST /v1/budgets`, for every route of the document. */
export const ROUTE_NAMES: readonly string[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
);

/** Every place of the document that has the form of an id, by its JSON path: all of them, asked or not. */
export function patternedPlaces(): string[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { parameters = [] }]) =>
      parameters
        .filter((one) => one.name === CURSOR || one.in === 'path' || ID_PATTERN.test(one.schema.pattern ?? ''))
        .map(({ name }) => `${method.toUpperCase()} ${path} ${name}`),
    ),
  );
}

const byRoute = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => questionsOfRoute(method, path)),
);

/** Every question of REST. */
export const REST_QUESTIONS: readonly Question[] = byRoute.flatMap(({ asked }) => asked);

/** A question for each route of an organization that knows repeats by `Idempotency-Key`, where the id is that. */
export const KEYED_QUESTIONS: readonly Question[] = byRoute.flatMap(({ keyed }) => keyed);
