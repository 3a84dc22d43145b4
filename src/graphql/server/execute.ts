import type { DocumentNode, ExecutionResult } from 'graphql';
import { compileQuery, isCompiledQuery } from 'graphql-jit';
import { translateError } from '../builder/errors.ts';
import { schema } from '../schema.ts';
import type { CompiledOperation } from './compiled-operation.ts';
import { compilePlainOperation } from './execute-plain.ts';

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

/** Compiles a document of a route's; `isPlain`: a hot one, by the shortest way. @throws Error when it cannot be */
export function compileRouteOperation(document: DocumentNode, isPlain: boolean): CompiledOperation {
  return isPlain ? compilePlainOperation(document) : compileOperation(document);
}
