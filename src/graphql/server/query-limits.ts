import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  Lexer,
  parse,
  Source,
  specifiedRules,
  TokenKind,
  validate,
} from 'graphql';
import { ERROR_LIMITS } from '../../platform/errors.ts';
import { type Measure, OperationMeasurer } from './measure-operation.ts';

/**
 * How large an operation may be; docs/bounds.md has the reasons. Introspection, as GraphiQL asks
 * it, fits.
 */
export const QUERY_LIMITS = {
  /** Fields inside fields. */
  depth: 16,
  /** See {@link OperationMeasurer}. */
  cost: 50_000,
  tokens: 10_000,
  /** Brackets inside brackets in the text, those of values too. */
  nesting: 100,
  /** Characters of a name: an error names the path of aliases to its field. */
  name: 100,
  /** Fields selected again in the same set, and spreads of fragments. */
  overlaps: 200,
  /** Root fields that count as requests. */
  requests: 50,
} as const;

const OPENING = new Set<string>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const CLOSING = new Set<string>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);

/**
 * Reads the tokens before the parser does: it calls itself for each level, and graphql-js's rules
 * compare the fields of a set with each other.
 * @throws GraphQLError
 */
function checkTokens(text: string): void {
  const source = new Source(text);
  const lexer = new Lexer(source);
  let depth = 0;
  let count = 0;
  const refuse = (message: string): never => {
    throw new GraphQLError(message, { source, positions: [lexer.token.start] });
  };
  for (let token = lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance()) {
    if (++count > QUERY_LIMITS.tokens) refuse(`The operation has more than ${QUERY_LIMITS.tokens} tokens.`);
    if (OPENING.has(token.kind) && ++depth > QUERY_LIMITS.nesting) {
      refuse(`The text of the operation nests deeper than ${QUERY_LIMITS.nesting} levels.`);
    }
    if (CLOSING.has(token.kind)) depth--;
    if (token.kind === TokenKind.NAME && token.value.length > QUERY_LIMITS.name) {
      refuse(`A name has more than ${QUERY_LIMITS.name} characters.`);
    }
  }
}

/** Parses the text of an operation within the limits. @throws GraphQLError */
export function parseOperation(text: string): DocumentNode {
  checkTokens(text);
  return parse(text);
}

function refuseMeasure({ depth, cost }: Pick<Measure, 'depth' | 'cost'>): GraphQLError | null {
  if (depth > QUERY_LIMITS.depth) {
    return new GraphQLError(`The operation is deeper than ${QUERY_LIMITS.depth} levels.`);
  }
  if (cost <= QUERY_LIMITS.cost) return null;
  const hint = 'ask for smaller pages, or for less at once';
  return new GraphQLError(`The operation costs more than ${QUERY_LIMITS.cost} fields: ${hint}.`);
}

/**
 * Validates a document: first that no fragment is inside itself and that no operation is too deep,
 * in time that grows with the text alone, then by GraphQL's rules.
 */
export function validateOperation(schema: GraphQLSchema, document: DocumentNode): readonly GraphQLError[] {
  const measurer = new OperationMeasurer(schema, document);
  if (measurer.findCycle()) return [new GraphQLError('A fragment must not spread itself, directly or by others.')];
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const { depth } = measurer.measure(definition);
    // What it costs depends on its variables: see `costOfOperation`.
    const refusal = refuseMeasure({ depth, cost: 0 });
    if (refusal) return [refusal];
  }
  if (measurer.overlaps > QUERY_LIMITS.overlaps) {
    const most = QUERY_LIMITS.overlaps;
    return [new GraphQLError(`The operation repeats fields and spreads fragments more than ${most} times.`)];
  }
  return validate(schema, document, specifiedRules, { maxErrors: ERROR_LIMITS.problems });
}

/** What a valid operation costs with these variables. */
export interface OperationCost {
  refusal: GraphQLError | null;
  /** As how many requests it counts; at most `QUERY_LIMITS.requests`, else it must be refused. */
  requests: number;
  /** Whether other variables may cost something else. */
  isVariable: boolean;
}

/** Null where the document has no such operation. */
export function costOfOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Readonly<Record<string, unknown>>,
): OperationCost | null {
  const measurer = new OperationMeasurer(schema, document, variables);
  const operation = measurer.findOperation(operationName);
  if (!operation) return null;
  const refusal = refuseMeasure(measurer.measure(operation));
  return { refusal, requests: measurer.countRequests(operation), isVariable: measurer.hasVariablePages };
}
