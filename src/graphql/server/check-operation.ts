import { type DocumentNode, type GraphQLError, getOperationAST } from 'graphql';
import { type Admission, countMore } from '../../domain/access/admit.ts';
import type { Resources } from '../../domain/context.ts';
import { AppError } from '../../platform/errors.ts';
import { schema } from '../schema.ts';
import { coerceVariables } from './coerce-variables.ts';
import { costOfOperation, QUERY_LIMITS } from './query-limits.ts';

export interface AskedOperation {
  document: DocumentNode;
  operationName?: string | null | undefined;
  variableValues?: Readonly<Record<string, unknown>> | null | undefined;
}

/** The refusal of an operation with too many root fields, whatever the plan. */
export function tooManyRequests(requests: number): AppError | null {
  if (requests <= QUERY_LIMITS.requests) return null;
  const { requests: most } = QUERY_LIMITS;
  return new AppError('invalid_request', `The operation has ${requests} root fields, and may have ${most}.`);
}

/**
 * The last look at a valid operation before it runs: what it costs with its variables, its root
 * fields beyond the first, which the plan counts as requests, and whether its variables fit. A
 * refusal by the number of fields or by the plan is put into the admission: it is the whole answer.
 * @returns the errors to answer with; null when it may run
 */
export async function checkOperation(
  resources: Resources,
  admission: Admission,
  { document, operationName, variableValues }: AskedOperation,
): Promise<readonly (GraphQLError | AppError)[] | null> {
  const cost = costOfOperation(schema, document, operationName, variableValues ?? {});
  // Without an operation, GraphQL itself says so.
  if (cost === null) return null;
  if (cost.refusal) return [cost.refusal];
  admission.refusal = tooManyRequests(cost.requests);
  if (admission.refusal === null) await countMore(resources, admission, cost.requests);
  if (admission.refusal) return [admission.refusal];
  const { variableDefinitions = [] } = getOperationAST(document, operationName) ?? {};
  return coerceVariables(schema, variableDefinitions, { ...variableValues }).errors ?? null;
}
