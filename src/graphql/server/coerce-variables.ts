import {
  coerceInputValue,
  GraphQLError,
  type GraphQLSchema,
  isInputType,
  isNonNullType,
  typeFromAST,
  type VariableDefinitionNode,
  valueFromAST,
} from 'graphql';
import { cutText, ERROR_LIMITS } from '../../platform/errors.ts';

type Variables = Record<string, unknown>;

export type CoercedVariables =
  | { coerced: Variables; errors?: undefined }
  | { coerced?: undefined; errors: GraphQLError[] };

const MAX_SHOWN = 60;

/** Ends the search: what is wrong beyond the limit is not looked for. */
class Enough extends Error {}

/** A value in a message: its kind, where it may be of any size. */
function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return cutText(String(JSON.stringify(value)), MAX_SHOWN);
}

function pathText(path: readonly (string | number)[]): string {
  return cutText(
    path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join(''),
    ERROR_LIMITS.pathCharacters,
  );
}

/**
 * Coerces variables as graphql-js does, and says what is wrong in the same words, but shows no
 * value that may be large, and stops at the limit of problems: its own `getVariableValues` prints
 * the whole variable for each unknown field of it.
 */
export function coerceVariables(
  schema: GraphQLSchema,
  definitions: readonly VariableDefinitionNode[],
  variables: Variables,
): CoercedVariables {
  const errors: GraphQLError[] = [];
  const coerced: Variables = Object.create(null);
  const report = (message: string, node: VariableDefinitionNode, originalError?: Error) => {
    errors.push(new GraphQLError(cutText(message), { nodes: node, ...(originalError ? { originalError } : {}) }));
    if (errors.length >= ERROR_LIMITS.problems) throw new Enough();
  };
  const read = (node: VariableDefinitionNode) => {
    const name = node.variable.name.value;
    const type = typeFromAST(schema, node.type);
    if (!type || !isInputType(type)) return report(`Variable "$${name}" must be of an input type.`, node);
    if (!Object.hasOwn(variables, name)) {
      if (node.defaultValue) coerced[name] = valueFromAST(node.defaultValue, type);
      else if (isNonNullType(type)) {
        report(`Variable "$${name}" of required type "${type}" was not provided.`, node);
      }
      return;
    }
    const value = variables[name];
    if (value === null && isNonNullType(type)) {
      return report(`Variable "$${name}" of non-null type "${type}" must not be null.`, node);
    }
    coerced[name] = coerceInputValue(value, type, (path, invalid, error) => {
      const at = path.length > 0 ? ` at "${name}${pathText(path)}"` : '';
      report(
        `Variable "$${name}" got invalid value ${show(invalid)}${at}; ${error.message}`,
        node,
        error.originalError,
      );
    });
  };
  try {
    for (const node of definitions) read(node);
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
  return errors.length > 0 ? { errors } : { coerced };
}
