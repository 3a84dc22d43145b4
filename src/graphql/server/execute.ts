import {
  type DocumentNode,
  type ExecutionResult,
  type GraphQLError,
  getOperationAST,
  getVariableValues,
  Kind,
  type NamedTypeNode,
  print,
  type TypeNode,
  visit,
} from 'graphql';
import { compileQuery, isCompiledQuery } from 'graphql-jit';
import type { Context } from '../../domain/context.ts';
import { translateError } from '../builder/errors.ts';
import { schema } from '../schema.ts';
import { variablesReader } from './accept-variables.ts';

export interface OperationResult {
  /** Undefined: nothing was run, since the variables do not fit. */
  data: unknown;
  errors: readonly GraphQLError[] | undefined;
}

/** An operation parsed, validated and compiled once, to run in any context. Its errors come out translated. */
export type CompiledOperation = (context: Context, variables: object) => Promise<OperationResult>;

export interface CompileOptions {
  /** Which operation, where the document has several. */
  operationName?: string | undefined;
  /** How leaf types are written, by their names, instead of as the schema does. */
  serializers?: Readonly<Record<string, (value: unknown) => unknown>>;
}

const PASSED_ON: NamedTypeNode = { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: 'JSON' } };

function isBoolean(type: TypeNode): boolean {
  return type.kind === Kind.NON_NULL_TYPE ? isBoolean(type.type) : print(type) === 'Boolean';
}

/**
 * The same document with variables of a type that passes values on as they are: they were coerced before. Those of
 * `@skip` and `@include` must stay booleans.
 */
function withCoercedVariables(document: DocumentNode): DocumentNode {
  return visit(document, {
    VariableDefinition: ({ defaultValue: _, ...node }) => ({
      ...node,
      type: isBoolean(node.type) ? node.type : PASSED_ON,
    }),
  });
}

/** Compiles a valid document with graphql-jit. @throws Error when it cannot be compiled */
export function compileOperation(document: DocumentNode, options: CompileOptions = {}): CompiledOperation {
  const { operationName, serializers = {} } = options;
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  const accept = variablesReader(schema, definitions);
  const compiled = compileQuery(schema, withCoercedVariables(document), operationName, {
    // An error's stack is that of what was thrown: capturing another costs each request.
    disablingCapturingStackErrors: true,
    customSerializers: serializers,
  });
  if (!isCompiledQuery(compiled)) {
    throw new Error(`a document does not compile: ${compiled.errors?.map((error) => error.message).join('; ')}`);
  }
  return async (context, variables) => {
    const translate = (error: GraphQLError) => translateError(error, context.resources.log, context.requestId);
    const given = { ...variables };
    const accepted = accept(given);
    const read = accepted ? { coerced: accepted } : getVariableValues(schema, definitions, given, { maxErrors: 20 });
    if (read.errors) return { data: undefined, errors: read.errors.map(translate) };
    const result: ExecutionResult = await compiled.query({}, context, read.coerced);
    return { data: result.data, errors: result.errors?.map(translate) };
  };
}
