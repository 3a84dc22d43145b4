import { z } from '@hono/zod-openapi';
import {
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import { schema } from '../../graphql/schema.ts';
import { isObject } from '../../platform/json/json.ts';
import { snakeName } from './case.ts';
import { BODY_EXAMPLES, describeField, respellDescription } from './describe-field.ts';
import { wordSchema } from './enums.ts';
import { FREE_LEAVES, LEAVES, type Leaf } from './schemas.ts';

// Bodies are checked and documented by schemas that are derived from the input types of GraphQL.

/** A type's value as GraphQL takes it. */
export type Input = Record<string, unknown>;

export interface InputReader<T = Input> {
  /** Checks a body in REST's spelling and makes GraphQL's input of it. */
  schema: z.ZodType<T>;
  /**
   * The same for a body that is plainly right, at a fraction of the cost; null says only that the
   * schema must be asked. It knows leaves by the same table as the schema, and leaves all else to
   * that.
   */
  accept(body: unknown): T | null;
}

function leafOf(name: string, type: GraphQLInputType): Leaf | undefined {
  return FREE_LEAVES[name] ?? LEAVES[String(type)];
}

function schemaOf(field: GraphQLInputField, type: GraphQLInputType = field.type): z.ZodType {
  if (!isNonNullType(type)) return valueSchema(field, type).nullish();
  const schema = valueSchema(field, type.ofType);
  return String(type.ofType) === 'Decimal' ? schema.openapi({ type: ['string', 'number'] }) : schema;
}

function valueSchema(field: GraphQLInputField, type: GraphQLInputType): z.ZodType {
  if (isListType(type)) return z.array(schemaOf(field, type.ofType));
  if (isInputObjectType(type)) return objectSchema(type, new Set());
  if (isEnumType(type)) return wordSchema(type);
  const leaf = leafOf(field.name, type);
  if (!leaf) throw new Error(`REST does not know the type of ${field.name}`);
  return leaf.schema;
}

function objectSchema(type: GraphQLInputObjectType, left: ReadonlySet<string>): z.ZodType<Input> {
  const fields = Object.values(type.getFields()).filter(({ name }) => !left.has(name));
  const shape = fields.map((field) => [snakeName(field.name), describeField(schemaOf(field), type.name, field)]);
  const names = new Map(fields.map(({ name }) => [snakeName(name), name]));
  const example = BODY_EXAMPLES[type.name];
  return z
    .strictObject(Object.fromEntries(shape))
    .openapi(type.name, {
      ...(type.description ? { description: respellDescription(type.description) } : {}),
      ...(example ? { example } : {}),
    })
    .transform((value) => {
      const entries = Object.entries(value).filter(([, given]) => given !== undefined);
      return Object.fromEntries(entries.map(([name, given]) => [names.get(name) ?? name, given]));
    });
}

function acceptorOf(type: GraphQLInputObjectType, left: ReadonlySet<string>): InputReader['accept'] {
  const definitions = Object.values(type.getFields()).filter(({ name }) => !left.has(name));
  const fields = new Map(
    definitions.map((field) => {
      const isPlain = leafOf(field.name, getNullableType(field.type))?.isPlain ?? (() => false);
      return [snakeName(field.name), { name: field.name, isPlain }];
    }),
  );
  const required = definitions.filter(({ type: one }) => isNonNullType(one)).map(({ name }) => name);
  return (body) => {
    if (!isObject(body)) return null;
    const input: Input = {};
    for (const key in body) {
      const value = body[key];
      const field = fields.get(key);
      if (field === undefined || (value !== null && !field.isPlain(value))) return null;
      input[field.name] = value;
    }
    for (const name of required) if (input[name] === undefined || input[name] === null) return null;
    return input;
  };
}

/**
 * The reader of an input type, whose shape is `T`.
 * @param left fields that the caller gives elsewhere, such as in the path
 */
export function inputReader<T = Input>(typeName: string, left: ReadonlySet<string> = new Set()): InputReader<T> {
  const type = schema.getType(typeName);
  if (!isInputObjectType(type)) throw new Error(`${typeName} is not an input type`);
  return { schema: objectSchema(type, left), accept: acceptorOf(type, left) } as InputReader<T>;
}
