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
import { snakeName } from './case.ts';
import { checkValue, refuseAsWritten } from './check-value.ts';
import { describeField } from './describe-field.ts';
import { wordSchema } from './enums.ts';
import { questionOf } from './operation.ts';
import { FREE_LEAVES, LEAVES, queryInteger } from './schemas.ts';

const DIMENSIONS = ['provider', 'model', 'team', 'user', 'api_key', 'service_tier', 'tag:KEY'];
const DIMENSION = /^(provider|model|team|user|api_key|service_tier|tag:.+)$/;

/** `["model", "tag:env"]` as GraphQL has it. */
const groupBy = z
  .array(z.string().regex(DIMENSION, `must be of ${DIMENSIONS.join(', ')}`))
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
  .openapi({ type: 'string', description: 'Only events whose tag KEY has this value, such as `tag.env=prod`.' });

/** `id` of `/v1/usage/{id}`. */
export function namesInPath(path: string): Set<string> {
  return new Set([...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name));
}

/**
 * The parameters in a route's path, described as the argument or input field that each is passed to;
 * null when the path has none.
 * @throws Error when the document has no argument or input field of that name
 */
export function pathSchema(document: DocumentNode, names: ReadonlySet<string>): z.ZodObject | null {
  if (names.size === 0) return null;
  const { field } = questionOf(document);
  const input = field.args.find(({ name }) => name === 'input');
  const inputType = input && getNamedType(input.type);
  const shape = [...names].map((name) => {
    const argument = field.args.find((one) => one.name === name);
    const given = argument ?? (isInputObjectType(inputType) ? inputType.getFields()[name] : undefined);
    if (!given) throw new Error(`${field.name} takes no ${name}`);
    return [name, describeField(z.string(), isInputObjectType(inputType) ? inputType.name : field.name, given)];
  });
  return z.strictObject(Object.fromEntries(shape));
}

/** Lists that REST spells in a way of its own; `readQuery` gathers them. */
const LISTS: Readonly<Record<string, z.ZodType>> = { UsageGroupBy: groupBy, TagFilter: tagFilter };

/** Other words than GraphQL's: a page's, and one type of event instead of several. */
const WORDS: Readonly<Record<string, string>> = { first: 'limit', after: 'cursor', types: 'type' };

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
}

/**
 * The query of a route, from the variables of its operation: what the path and the body give is
 * left out, and an argument that is an object gives a parameter for each of its fields.
 * @param maxLimit the most that `limit` may be
 */
export function queryReader(
  document: DocumentNode,
  given: ReadonlySet<string>,
  maxLimit: number = PAGE_LIMIT.max,
): QueryReader | null {
  const shape: Record<string, z.ZodType> = {};
  const places = new Map<string, { variable: string; field: string | null }>();
  const { variables, field } = questionOf(document);
  const add = (argument: Argument, typeName: string, place: { variable: string; field: string | null }) => {
    const name = WORDS[argument.name] ?? snakeName(argument.name);
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
  if (places.size === 0) return null;
  return {
    schema: z.strictObject(shape),
    toVariables(query) {
      const result: Record<string, unknown> = {};
      for (const [name, value] of Object.entries(query)) {
        const { variable, field: inner } = places.get(name) ?? { variable: name, field: null };
        if (value === undefined) continue;
        if (inner === null) result[variable] = value;
        else result[variable] = { ...Object(result[variable]), [inner]: value };
      }
      return result;
    },
  };
}

const TAG_PREFIX = 'tag.';
const LIST_PARAMETERS = new Set(['group_by']);

/**
 * The variables that the query of a request gives: `tag.KEY=value` gathered as `tags`, lists given
 * as `a,b` or one by one.
 * @throws AppError invalid_request for an unknown parameter, one given twice, or a value its schema
 * refuses
 */
export function readQuery(reader: QueryReader | null, search: string): Record<string, unknown> {
  if (!reader && search === '') return {};
  // Without a prototype: a parameter may have any name.
  const values: Record<string, unknown> = Object.create(null);
  const tags: { key: string; value: string }[] = [];
  for (const [name, value] of search === '' ? [] : new URLSearchParams(search)) {
    if (!reader) throw refuseAsWritten([{ path: name, message: 'is not a known parameter' }]);
    if (name.startsWith(TAG_PREFIX) && name.length > TAG_PREFIX.length) {
      tags.push({ key: name.slice(TAG_PREFIX.length), value });
    } else if (LIST_PARAMETERS.has(name)) {
      const list = (values[name] as string[] | undefined) ?? [];
      values[name] = [...list, ...value.split(',')];
    } else if (Object.hasOwn(values, name)) throw refuseAsWritten([{ path: name, message: 'must be given once' }]);
    else values[name] = value;
  }
  if (tags.length > 0) values.tags = tags;
  return reader ? reader.toVariables(checkValue(reader.schema, values)) : values;
}
