import { initGraphQLTada } from 'gql.tada';
import type { introspection } from '../../../prisma/generated/introspection.d.ts';

/**
 * Parses a GraphQL document and types it by the schema: a route that the schema cannot answer does
 * not compile.
 */
export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: { DateTime: string; Decimal: string; SafeInt: number; JSON: unknown };
}>();
