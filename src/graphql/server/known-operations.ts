import { getOperationAST } from 'graphql';
import { schema } from '../schema.ts';
import { tooManyRequests } from './check-operation.ts';
import { type CompiledOperation, compileOperation } from './execute.ts';
import { costOfOperation, parseOperation, QUERY_LIMITS, validateOperation } from './query-limits.ts';

export interface KnownOperation {
  run: CompiledOperation;
  /** As how many requests it counts. */
  requests: number;
  /** Whether it is within the limits with these variables. */
  isWithin(variables: Record<string, unknown>): boolean;
}

/** Finds the compiled form of an operation that was asked before. */
export interface KnownOperations {
  /** Null: not known (yet), or one that only the full server can run. */
  find(query: string, operationName: string | null): KnownOperation | null;
}

const MAX_OPERATIONS = 500;
/** A longer text is not remembered: five hundred of them would be no small thing. */
const MAX_QUERY_LENGTH = 10_000;
/** After this many requests an operation is worth compiling. */
const COMPILE_AT = 2;

/** Begins the key of an operation that was asked for by name. */
const NAMED = '\0';

interface Entry {
  asked: number;
  compiled: KnownOperation | null;
}

/**
 * Parses and validates with the same rules and limits as the full server, then compiles; null when
 * it may not run.
 */
function tryCompile(query: string, operationName: string | null): KnownOperation | null {
  try {
    const document = parseOperation(query);
    const operation = getOperationAST(document, operationName);
    if (!operation || operation.operation === 'subscription') return null;
    if (validateOperation(schema, document).length > 0) return null;
    const cost = costOfOperation(schema, document, operationName, {});
    if (cost === null || tooManyRequests(cost.requests) || (cost.refusal && !cost.isVariable)) return null;
    return {
      run: compileOperation(document, { operationName: operationName ?? undefined }),
      requests: cost.requests,
      isWithin: cost.isVariable
        ? (variables) => costOfOperation(schema, document, operationName, variables)?.refusal === null
        : () => true,
    };
  } catch {
    // Whatever is wrong with it, the full server says so.
    return null;
  }
}

/** Remembers the operations asked most lately, and compiles those asked again. */
export function createKnownOperations(): KnownOperations {
  const entries = new Map<string, Entry>();

  return {
    find(query, operationName) {
      // A text that begins with NUL is no GraphQL, so it cannot pass for the key of a named operation.
      if (query.length > MAX_QUERY_LENGTH || query.startsWith(NAMED)) return null;
      if ((operationName?.length ?? 0) > QUERY_LIMITS.name) return null;
      const key = operationName === null ? query : `${NAMED}${operationName.length} ${operationName}${query}`;
      const entry = entries.get(key) ?? { asked: 0, compiled: null };
      entry.asked++;
      if (entry.asked === COMPILE_AT) entry.compiled = tryCompile(query, operationName);
      if (entry.asked <= COMPILE_AT) {
        // Newest last: what is pushed out is what was first asked longest ago.
        entries.delete(key);
        entries.set(key, entry);
        if (entries.size > MAX_OPERATIONS) entries.delete(entries.keys().next().value ?? '');
      }
      return entry.compiled;
    },
  };
}
