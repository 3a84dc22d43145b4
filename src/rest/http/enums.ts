import type { z } from '@hono/zod-openapi';
import { type GraphQLEnumType, isEnumType } from 'graphql';
import { schema } from '../../graphql/schema.ts';
import { oneOf } from './schemas.ts';

/** The words of an enum as REST spells them: those that the product uses inside, such as `usage.exceeded`. */
export function wordsOf(type: GraphQLEnumType): string[] {
  return type.getValues().map(({ value }) => String(value));
}

/** Takes a word, and makes of it the name that GraphQL has for it: `usage.exceeded` -> `USAGE_EXCEEDED`. */
export function wordSchema(type: GraphQLEnumType): z.ZodType<string> {
  const names = new Map(type.getValues().map(({ name, value }) => [String(value), name]));
  return oneOf(wordsOf(type)).transform((word) => names.get(word) ?? word);
}

/** Writes enums as their words in a compiled operation, as aliases give fields their names. */
export const ENUM_SERIALIZERS: Readonly<Record<string, (value: unknown) => unknown>> = Object.fromEntries(
  Object.values(schema.getTypeMap())
    .filter(isEnumType)
    .map((type) => {
      const words = new Set(type.getValues().map(({ value }) => value));
      // Undefined is what GraphQL calls an error.
      return [type.name, (value: unknown) => (words.has(value) ? value : undefined)];
    }),
);
