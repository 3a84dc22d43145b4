import {
  type DocumentNode,
  type ExecutionResult,
  type GraphQLError,
  getOperationAST,
  Kind,
  type NamedTypeNode,
  print,
  type TypeNode,
  visit,
} from 'graphql';
import { compileQuery, isCompiledQuery } from 'graphql-jit';
import type { Context } from '../../domain/context.ts';
import { translateErrors } from '../builder/errors.ts';
import { schema } from '../schema.ts';
import { variablesReader } from './accept-variables.ts';
import { type CoercedVariables, coerceVariables } from './coerce-variables.ts';

export interface OperationResult {
  /** Undefined: nothing was run, since the variables do not fit. */
  data: unknown;
  errors: readonly GraphQLError[] | undefined;
}

type Variables = Record<string, unknown>;

/**
 * An operation parsed, validated and compiled once, to run in any context. Its errors come out
 * translated.
 */
export type CompiledOperation = (context: Context, variables: Variables) => Promise<OperationResult>;

export interface CompileOptions {
  /** Which operation, where the document has several. */
  operationName?: string | undefined;
  /**
   * Set: enums are written as the words that the product uses inside, `usage.exceeded` and not
   * `USAGE_EXCEEDED`.
   */
  enumWords?: boolean;
}

const PASSED_ON: NamedTypeNode = { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: 'JSON' } };

function isBoolean(type: TypeNode): boolean {
  return type.kind === Kind.NON_NULL_TYPE ? isBoolean(type.type) : print(type) === 'Boolean';
}

/**
 * The same document with variables of a type that passes values on as they are: they were coerced
 * before. Those of `@skip` and `@include` must stay booleans.
 */
function withCoercedVariables(document: DocumentNode): DocumentNode {
  return visit(document, {
    VariableDefinition: ({ defaultValue: _, ...node }) => ({
      ...node,
      type: isBoolean(node.type) ? node.type : PASSED_ON,
    }),
  });
}

const NO_ROOT = {};

function translateAll(errors: readonly GraphQLError[], { resources, requestId }: Context): GraphQLError[] {
  return translateErrors(errors, resources.log, requestId);
}

/** Compiles a valid document with graphql-jit. @throws Error when it cannot be compiled */
export function compileOperation(document: DocumentNode, options: CompileOptions = {}): CompiledOperation {
  const { operationName, enumWords = false } = options;
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  const accept = variablesReader(schema, definitions);
  const compiled = compileQuery(schema, withCoercedVariables(document), operationName, {
    // An error's stack is that of what was thrown: capturing another costs each request.
    disablingCapturingStackErrors: true,
    // It leaves the values of enums and of GraphQL's own scalars as the resolvers give them.
    disableLeafSerialization: enumWords,
  });
  if (!isCompiledQuery(compiled)) {
    throw new Error(`a document does not compile: ${compiled.errors?.map((error) => error.message).join('; ')}`);
  }
  return async (context, variables) => {
    const accepted = accept(variables);
    const { coerced, errors: refusals }: CoercedVariables = accepted
      ? { coerced: accepted }
      : coerceVariables(schema, definitions, variables);
    if (!coerced) return { data: undefined, errors: translateAll(refusals ?? [], context) };
    const { data, errors }: ExecutionResult = await compiled.query(NO_ROOT, context, coerced);
    return { data, errors: errors && translateAll(errors, context) };
  };
}
