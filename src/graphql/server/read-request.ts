import { GraphQLError } from 'graphql';
import type { GraphQLParams } from 'graphql-yoga';
import { AppError, ERROR_STATUS, invalidField } from '../../platform/errors.ts';
import { BODY_LIMIT_BYTES, readBodyText } from '../../platform/http/http-body.ts';
import { isObject, parseJson } from '../../platform/json/json.ts';

/** What is thrown while the request is read becomes an answer with the status of its code. */
function withStatus(error: unknown): unknown {
  if (!(error instanceof AppError)) return error;
  return new GraphQLError(error.message, {
    originalError: error,
    extensions: { http: { status: ERROR_STATUS[error.code] } },
  });
}

function parseParameter(search: URLSearchParams, name: string): Record<string, unknown> | undefined {
  const text = search.get(name);
  if (text === null || text === '') return undefined;
  const value = tryParse(text);
  if (value === null) return undefined;
  if (isObject(value)) return value;
  throw invalidField(name, 'must be a JSON object');
}

function tryParse(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/**
 * Our own parser: counts the bytes, and keeps the digits of money that is written as a JSON number.
 */
export async function parseRequest(request: Request): Promise<GraphQLParams> {
  try {
    if (request.method === 'GET') {
      const { searchParams } = new URL(request.url);
      const [variables, extensions] = ['variables', 'extensions'].map((name) => parseParameter(searchParams, name));
      const params: GraphQLParams = {};
      const query = searchParams.get('query');
      const operationName = searchParams.get('operationName');
      if (query !== null) params.query = query;
      if (operationName) params.operationName = operationName;
      return { ...params, ...(variables ? { variables } : {}), ...(extensions ? { extensions } : {}) };
    }
    const params = parseJson(await readBodyText(request, BODY_LIMIT_BYTES));
    if (isObject(params)) return params;
    throw new AppError('invalid_request', 'The body must be a JSON object with a query.');
  } catch (error) {
    throw withStatus(error);
  }
}
