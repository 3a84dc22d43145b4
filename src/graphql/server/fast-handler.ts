import { isUtf8 } from 'node:buffer';
import { type Admission, admit, admitCached, countMore } from '../../domain/access/admit.ts';
import type { Resources } from '../../domain/context.ts';
import { AppError } from '../../platform/errors.ts';
import { mediaType } from '../../platform/http/http-body.ts';
import type { RequestInfo } from '../../platform/http/request-info.ts';
import { isObject, parseJson } from '../../platform/json/json.ts';
import { rateLimitHeaders } from '../../platform/rate-limits/rate-limiter.ts';
import { type GraphQLAnswer, refuseRequest } from './handler.ts';
import { createKnownOperations, type KnownOperation } from './known-operations.ts';

/**
 * The answer; or what the full server is to go on with: whether the caller was admitted already,
 * and the body where it was read.
 */
export type FastResult = { answer: GraphQLAnswer } | { admitted: Admission | undefined; bytes: Buffer | undefined };

interface Operation {
  known: KnownOperation;
  variables: Record<string, unknown>;
}

const CONTENT_TYPE = 'application/json; charset=utf-8';
const KEYS = new Set(['query', 'variables', 'operationName']);

/** Whether the caller takes plain JSON, whose status is 200 for whatever GraphQL answers. */
function takesJson(accept: string | null): boolean {
  return accept === null || accept === '*/*' || mediaType(accept) === 'application/json';
}

/**
 * Operations asked before, compiled, without the full server in between: the same admission,
 * limits, validation and translation of errors, at a fraction of the cost. Everything else is for
 * the full server, from its start.
 */
export function createFastHandler(resources: Resources) {
  const known = createKnownOperations();

  function read(text: string): Operation | null {
    let body: unknown;
    try {
      body = parseJson(text);
    } catch {
      return null;
    }
    if (!isObject(body) || typeof body.query !== 'string' || Object.keys(body).some((key) => !KEYS.has(key)))
      return null;
    const { variables, operationName } = body;
    if (variables !== undefined && variables !== null && !isObject(variables)) return null;
    if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') return null;
    const found = known.find(body.query, operationName ?? null);
    return found && { known: found, variables: variables ?? {} };
  }

  return async function handle(
    header: (name: string) => string | null,
    readBytes: () => Promise<Buffer>,
    info: RequestInfo,
  ): Promise<FastResult> {
    const authorization = header('authorization');
    // The full server knows what may be asked without a key.
    if (
      authorization === null ||
      mediaType(header('content-type')) !== 'application/json' ||
      !takesJson(header('accept'))
    ) {
      return { admitted: undefined, bytes: undefined };
    }
    // Who it is comes first: nothing is parsed, compiled or remembered for a stranger.
    let admitted: Admission;
    try {
      admitted = admitCached(resources, authorization) ?? (await admit(resources, authorization, info.address));
    } catch (error) {
      return { answer: refuseRequest(error, resources, info) };
    }
    const refuse = (error: unknown): FastResult => {
      return { answer: refuseRequest(error, resources, info, rateLimitHeaders(admitted.rateLimit)) };
    };
    if (admitted.refusal) return refuse(admitted.refusal);
    let bytes: Buffer;
    try {
      bytes = await readBytes();
    } catch (error) {
      if (error instanceof AppError) return refuse(error);
      throw error;
    }
    const operation = isUtf8(bytes) ? read(bytes.toString('utf8')) : null;
    if (!operation?.known.isWithin(operation.variables)) return { admitted, bytes };
    const {
      known: { run, requests },
      variables,
    } = operation;
    if (requests > 1) await countMore(resources, admitted, requests);
    if (admitted.refusal) return refuse(admitted.refusal);
    const { data, errors } = await run({ resources, caller: admitted.caller, ...info }, variables);
    // Without data, not even null, nothing was run: the variables do not fit, and the full server
    // says how.
    if (data === undefined) return { admitted, bytes };
    const body = JSON.stringify(errors ? { errors, data } : { data });
    const headers = {
      'Content-Type': CONTENT_TYPE,
      'Cache-Control': 'no-store',
      ...rateLimitHeaders(admitted.rateLimit),
    };
    return { answer: { status: 200, headers, body } };
  };
}
