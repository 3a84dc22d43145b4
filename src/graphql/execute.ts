import type { DocumentNode, ExecutionResult, GraphQLError } from 'graphql';
import { compileQuery, isCompiledQuery } from 'graphql-jit';
import type { Context } from '../domain/context.ts';
import { translateError } from './errors.ts';
import { schema } from './schema.ts';

export interface OperationResult {
  /** Undefined: nothing was run, since the variables do not fit. */
  data: unknown;
  errors: readonly GraphQLError[] | undefined;
}

/** An operation parsed, validated and compiled once, to run in any context. Its errors come out translated. */
export type CompiledOperation = (context: Context, variables: object) => Promise<OperationResult>;

/** Compiles a valid document with graphql-jit. @throws Error when it cannot be compiled */
export function compileOperation(document: DocumentNode, operationName?: string): CompiledOperation {
  // An error's stack is that of what was thrown: capturing another costs each request.
  const compiled = compileQuery(schema, document, operationName, { disablingCapturingStackErrors: true });
  if (!isCompiledQuery(compiled)) {
    throw new Error(`a document does not compile: ${compiled.errors?.map((error) => error.message).join('; ')}`);
  }
  return async (context, variables) => {
    const result: ExecutionResult = await compiled.query({}, context, { ...variables });
    const { log } = context.resources;
    return {
      data: result.data,
      errors: result.errors?.map((error) => translateError(error, log, context.requestId)),
    };
  };
}
