import { z } from '@hono/zod-openapi';
import {
  type DocumentNode,
  type GraphQLInputType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
} from 'graphql';
import { PAGE_LIMIT } from '../../platform/page.ts';
import { snakeName, WORDS } from './case.ts';
import { checkValue, refuseAsWritten } from './check-value.ts';
import { describeField } from './describe-field.ts';
import { wordSchema } from './enums.ts';
import { questionOf } from './operation.ts';
import { FREE_LEAVES, LEAVES, queryInteger } from './schemas.ts';

const DIMENSIONS = ['provider', 'model', 'team', 'user', 'api_key', 'member', 'service_tier', 'tag:KEY'];
const DIMENSION = /^(provider|model|team|user|api_key|member|service_tier|tag:.+)$/;

/** `["model", "tag:env"]` as GraphQL has it. */
const groupBy = z
  .array(z.string().regex(DIMENSION, `must be one of ${DIMENSIONS.join(', ')}`))
  .openapi({ example: ['model'] })
  .transform((names) =>
    names.map((name) =>
      name.startsWith('tag:')
        ? { dimension: 'TAG', key: name.slice('tag:'.length) }
        : { dimension: name.toUpperCase() },
    ),
  );

const tagFilter = z
  .array(z.object({ key: z.string(), value: z.string() }))
  .openapi({ type: 'string', description: 'Only events whose tag KEY has this value, such as `tag[env]=prod`.' });

/** The parameters of a path, `id` of `/v1/usage/{id}`, each with its name in GraphQL. */
export function readPathNames(path: string, inGraphQL: Readonly<Record<string, string>> = {}): Map<string, string> {
  const renamed = new Map(Object.entries(inGraphQL));
  return new Map([...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, renamed.get(name) ?? name]));
}

/**
 * The parameters in a route's path, described as the argument or input field that each is passed to;
 * null when the path has none.
 * @throws Error when the document has no argument or input field of that name
 */
export function pathSchema(document: DocumentNode, names: ReadonlyMap<string, string>): z.ZodObject | null {
  if (names.size === 0) return null;
  const { field } = questionOf(document);
  const input = field.args.find(({ name }) => name === 'input');
  const inputType = input && getNamedType(input.type);
  const shape = [...names].map(([parameter, name]) => {
    const argument = field.args.find((one) => one.name === name);
    const given = argument ?? (isInputObjectType(inputType) ? inputType.getFields()[name] : undefined);
    if (!given) throw new Error(`${field.name} takes no ${name}`);
    return [parameter, describeField(z.string(), isInputObjectType(inputType) ? inputType.name : field.name, given)];
  });
  return z.strictObject(Object.fromEntries(shape));
}

/** Lists that REST spells in a way of its own; `readQuery` gathers them. */
const LISTS: Readonly<Record<string, z.ZodType>> = { UsageGroupBy: groupBy, TagFilter: tagFilter };

interface Argument {
  name: string;
  type: GraphQLInputType;
  description?: string | null | undefined;
}

function parameterSchema({ name, type: given }: Argument, maxLimit: number): z.ZodType {
  const type = getNullableType(given);
  if (isListType(type)) {
    const item = getNullableType(type.ofType);
    if (isEnumType(item)) return wordSchema(item).transform((one) => [one]);
    const list = LISTS[String(item)];
    if (list) return list;
  }
  if (isEnumType(type)) return wordSchema(type);
  if (String(type) === 'Int') return queryInteger(1, maxLimit);
  const leaf = FREE_LEAVES[name] ?? LEAVES[String(type)];
  if (!leaf) throw new Error(`REST does not know the parameter ${name}`);
  return leaf.schema;
}

export interface QueryReader {
  /** The parameters in REST's spelling. */
  schema: z.ZodObject;
  /** The operation's variables, of parameters that the schema has checked. */
  toVariables(query: object): Record<string, unknown>;
  /** The parameters that are no variables of the operation. */
  toOwn(query: object): Record<string, unknown>;
}

/** Parameters that a route itself reads, by name. */
export type OwnQuery = Readonly<Record<string, z.ZodType>>;

/**
 * The query of a route, from the variables of its operation: what the path and the body give is
 * left out, and an argument that is an object gives a parameter for each of its fields.
 * @param maxLimit the most that `limit` may be
 * @param own parameters beside the variables
 */
export function queryReader(
  document: DocumentNode,
  given: ReadonlySet<string>,
  maxLimit: number = PAGE_LIMIT.max,
  own: OwnQuery = {},
): QueryReader | null {
  const shape: Record<string, z.ZodType> = {};
  const places = new Map<string, { variable: string; field: string | null }>();
  const { variables, field } = questionOf(document);
  const add = (argument: Argument, typeName: string, place: { variable: string; field: string | null }) => {
    const name = WORDS.get(argument.name) ?? snakeName(argument.name);
    shape[name] = describeField(parameterSchema(argument, maxLimit).optional(), typeName, argument);
    places.set(name, place);
  };
  for (const { variable } of variables) {
    const name = variable.name.value;
    const argument = field.args.find((one) => one.name === name);
    if (!argument) throw new Error(`${field.name} has no argument ${name}`);
    const type = getNullableType(argument.type);
    if (given.has(name)) continue;
    if (isInputObjectType(type)) {
      for (const inner of Object.values(type.getFields())) add(inner, type.name, { variable: name, field: inner.name });
    } else add(argument, field.name, { variable: name, field: null });
  }
  for (const [name, schema] of Object.entries(own)) shape[name] = schema.optional();
  if (Object.keys(shape).length === 0) return null;
  return {
    schema: z.strictObject(shape),
    toVariables(query) {
      const result: Record<string, unknown> = {};
      for (const [name, value] of Object.entries(query)) {
        const place = places.get(name);
        if (value === undefined || place === undefined) continue;
        const { variable, field: inner } = place;
        if (inner === null) result[variable] = value;
        else result[variable] = { ...Object(result[variable]), [inner]: value };
      }
      return result;
    },
    toOwn: (query) => Object.fromEntries(Object.entries(query).filter(([name]) => Object.hasOwn(own, name))),
  };
}

/** What the query of a request says. */
export interface QueryValues {
  variables: Record<string, unknown>;
  own: Record<string, unknown>;
}

const NOTHING: QueryValues = { variables: {}, own: {} };

/** `tag.KEY` and `tag[KEY]`; a key may hold any character. */
const TAG_PARAMETER = /^tag(?:\.(?<dotted>.+)|\[(?<bracketed>.+)\])$/s;
const TAGS = 'tags';
const GROUP_BY = 'group_by';

function refuse(path: string, message: string): never {
  throw refuseAsWritten([{ path, message }]);
}

/**
 * The dimensions in one value of `group_by`, as it stands in the address. A comma separates them,
 * also as `%2C`, which is how most clients send it. Where what `%2C` separates are not dimensions
 * throughout, it belongs to the key of a tag.
 */
function splitDimensions(raw: string): string[] {
  return raw.split(',').flatMap((part) => {
    const [[, whole] = ['', '']] = new URLSearchParams(`&${GROUP_BY}=${part}`);
    const pieces = whole.split(',');
    return pieces.every((piece) => DIMENSION.test(piece)) ? pieces : [whole];
  });
}

/** The dimensions: of one value, its list; of several, each value whole, whatever commas it has. */
function readDimensions(search: string, values: readonly string[]): string[] {
  if (values.length > 1) return [...values];
  const isGroupBy = (pair: string) => new URLSearchParams(`&${pair}`).has(GROUP_BY);
  const pair = search.split('&').find(isGroupBy) ?? '';
  return splitDimensions(pair.slice(pair.indexOf('=') + 1));
}

function readValues(reader: QueryReader, values: object): QueryValues {
  const checked = checkValue(reader.schema, values);
  return { variables: reader.toVariables(checked), own: reader.toOwn(checked) };
}

/**
 * The variables that the query of a request gives: `tag[KEY]=value` gathered as `tags`, and
 * `group_by` as a list.
 * @throws AppError invalid_request for an unknown parameter, one given twice, an empty one (but the
 * value of a tag), or a value its schema refuses
 */
export function readQuery(reader: QueryReader | null, search: string): QueryValues {
  if (search === '') return reader ? readValues(reader, {}) : NOTHING;
  const values = new Map<string, string>();
  const tags = new Map<string, string>();
  const dimensions: string[] = [];
  for (const [name, value] of new URLSearchParams(search)) {
    const { dotted, bracketed } = TAG_PARAMETER.exec(name)?.groups ?? {};
    const key = dotted ?? bracketed;
    const place = key === undefined ? name : TAGS;
    const isKnown = reader !== null && Object.hasOwn(reader.schema.shape, place) && name !== TAGS;
    if (!isKnown) refuse(name, 'is not a known parameter');
    if (key === undefined && value === '') refuse(name, 'must not be empty');
    if (name === GROUP_BY) dimensions.push(value);
    else if (key === undefined ? values.has(name) : tags.has(key)) refuse(name, 'must be given once');
    else if (key === undefined) values.set(name, value);
    else tags.set(key, value);
  }
  const given: [string, unknown][] = [...values];
  if (tags.size > 0) given.push([TAGS, [...tags].map(([key, value]) => ({ key, value }))]);
  if (dimensions.length > 0) given.push([GROUP_BY, readDimensions(search, dimensions)]);
  return reader ? readValues(reader, Object.fromEntries(given)) : NOTHING;
}
