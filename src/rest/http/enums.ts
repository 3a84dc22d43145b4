import type { z } from '@hono/zod-openapi';
import type { GraphQLEnumType } from 'graphql';
import { oneOf } from './schemas.ts';

/**
 * The words of an enum as REST spells them: those that the product uses inside, such as
 * `usage.exceeded`.
 */
export function wordsOf(type: GraphQLEnumType): string[] {
  return type.getValues().map(({ value }) => String(value));
}

/**
 * Takes a word, and makes of it the name that GraphQL has for it: `usage.exceeded` ->
 * `USAGE_EXCEEDED`.
 */
export function wordSchema(type: GraphQLEnumType): z.ZodType<string> {
  const names = new Map(type.getValues().map(({ name, value }) => [String(value), name]));
  return oneOf(wordsOf(type)).transform((word) => names.get(word) ?? word);
}
