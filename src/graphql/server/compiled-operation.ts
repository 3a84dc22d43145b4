import type { GraphQLError } from 'graphql';
import type { Context } from '../../domain/context.ts';

export interface OperationResult {
  /** Undefined: nothing was run, since the variables do not fit. */
  data: unknown;
  errors: readonly GraphQLError[] | undefined;
}

/** An operation parsed, validated and compiled once, to run in any context. Its errors come out translated. */
export type CompiledOperation = (context: Context, variables: object) => Promise<OperationResult>;
