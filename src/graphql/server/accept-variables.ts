import {
  GraphQLBoolean,
  GraphQLID,
  type GraphQLInputType,
  GraphQLString,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isScalarType,
  typeFromAST,
  type VariableDefinitionNode,
} from 'graphql';
import { schema } from '../schema.ts';

/** Said of a value that is not plainly right. */
const UNSURE = Symbol('unsure');

type Accept = (value: unknown) => unknown;
type Source = Record<string, unknown>;

function accepting(isRight: (value: unknown) => boolean): Accept {
  return (value) => (isRight(value) ? value : UNSURE);
}

interface AcceptedField {
  name: string;
  accept: Accept;
  isRequired: boolean;
}

/**
 * Reads all fields of one object. Written as code, once: each property is then read where its shape is known, and all
 * results have one shape, which is what makes their readers fast. Only names that GraphQL allows come into it.
 */
function acceptObject(fields: readonly AcceptedField[]): Accept {
  const names = new Set(fields.map(({ name }) => name));
  const reads = fields.map(({ name, isRequired }, i) => {
    const missing = isRequired ? 'unsure' : 'undefined';
    return `const v${i} = value.${name} === undefined ? ${missing} : accept[${i}](value.${name});
      if (v${i} === unsure) return unsure;`;
  });
  const result = fields.map(({ name }, i) => `${name}: v${i}`);
  const body = `return (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return unsure;
      for (const name in value) if (!names.has(name)) return unsure;
      ${reads.join('\n')}
      return { ${result.join(', ')} };
    }`;
  const make = new Function('names', 'accept', 'unsure', body);
  return make(
    names,
    fields.map(({ accept }) => accept),
    UNSURE,
  );
}

function acceptOf(type: GraphQLInputType): Accept {
  if (isNonNullType(type)) {
    const accept = acceptOf(type.ofType);
    return (value) => (value === null || value === undefined ? UNSURE : accept(value));
  }
  const accept = acceptValue(type);
  return (value) => (value === null ? null : accept(value));
}

function acceptValue(type: GraphQLInputType): Accept {
  if (type === GraphQLString || type === GraphQLID) return accepting((value) => typeof value === 'string');
  if (type === GraphQLBoolean) return accepting((value) => typeof value === 'boolean');
  if (isListType(type)) {
    const accept = acceptOf(type.ofType);
    return (value) => {
      if (!Array.isArray(value)) return UNSURE;
      const items = value.map(accept);
      return items.includes(UNSURE) ? UNSURE : items;
    };
  }
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields());
    if (type.isOneOf || fields.some(({ defaultValue }) => defaultValue !== undefined)) return () => UNSURE;
    return acceptObject(
      fields.map(({ name, type: inner }) => ({ name, accept: acceptOf(inner), isRequired: isNonNullType(inner) })),
    );
  }
  if (!isScalarType(type) && !isEnumType(type)) return () => UNSURE;
  return (value) => {
    try {
      return type.parseValue(value);
    } catch {
      return UNSURE;
    }
  };
}

/**
 * Reads variables that are plainly right, as GraphQL coerces them, at a fraction of the cost. Null says only that
 * GraphQL itself must be asked, which then says what is wrong.
 */
export function variablesReader(definitions: readonly VariableDefinitionNode[]): (variables: Source) => Source | null {
  const readers = definitions.map((definition) => {
    const type = typeFromAST(schema, definition.type) as GraphQLInputType | undefined;
    return { name: definition.variable.name.value, accept: type && !definition.defaultValue ? acceptOf(type) : null };
  });
  return (variables) => {
    const accepted: Source = {};
    for (const { name, accept } of readers) {
      const value = variables[name] === undefined || accept === null ? UNSURE : accept(variables[name]);
      if (value === UNSURE) return null;
      accepted[name] = value;
    }
    return accepted;
  };
}
