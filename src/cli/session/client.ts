import { ApiFailure, type FieldProblem, Unreachable } from './failure.ts';
import { DEFAULT_URL } from './settings.ts';

const TIMEOUT_MS = 30_000;
/** A header holds no more than this, and nothing else. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** An answer of the API, whose body was JSON. */
export interface Answer<Body> {
  body: Body;
  headers: Headers;
}

export interface Call {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Such as `/v1/teams`, with its query. */
  path: string;
  body?: object;
  /** Null: none is sent. */
  key: string | null;
  /** Aborted: the call rejects with its reason. */
  signal?: AbortSignal;
}

interface ErrorBody {
  error?: { code?: string; message?: string; details?: { fields?: FieldProblem[] } };
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  const { cause } = error;
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message;
  return cause instanceof Error ? cause.message || cause.name : error.message;
}

function unreachable(url: string, error: unknown): Unreachable {
  const advice = url === DEFAULT_URL ? 'Start it with "npm start", or set METERR_URL.' : 'Check METERR_URL or --url.';
  return new Unreachable(`${url} cannot be reached: ${causeOf(error)}. ${advice}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function readFailure(url: string, response: Response, body: unknown): Error {
  const { status, headers } = response;
  const location = headers.get('location');
  if (status >= 300 && status < 400 && location !== null) {
    return new Unreachable(
      `${url} answers with a redirect to ${location}. Set METERR_URL to the address of Meterr itself.`,
    );
  }
  const { error } = Object(body) as ErrorBody;
  if (!error?.code)
    return new Unreachable(`What answers at ${url} is not Meterr (HTTP ${status}). Check METERR_URL or --url.`);
  return new ApiFailure({
    status,
    code: error.code,
    message: error.message ?? '',
    fields: error.details?.fields ?? [],
    requestId: headers.get('x-request-id'),
    retryAfterSeconds: headers.has('retry-after') ? Number(headers.get('retry-after')) : null,
  });
}

/**
 * Calls the API.
 * @param accepts statuses beside 2xx whose body is an answer, not a failure
 * @throws ApiFailure what the API refused; Unreachable where it is not there; the signal's reason
 */
export async function callApi<Body>(url: string, call: Call, accepts: readonly number[] = []): Promise<Answer<Body>> {
  const { method = 'GET', path, body, key, signal } = call;
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  // A header cannot carry other characters. The API then refuses the key in its own words.
  if (key !== null) headers.authorization = `Bearer ${VISIBLE_ASCII.test(key) ? key : 'invalid'}`;
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url + path, {
      method,
      headers,
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(url, error);
  }
  const parsed = parse(text);
  const isAnswer = (response.ok || accepts.includes(response.status)) && typeof parsed === 'object' && parsed !== null;
  if (!isAnswer) throw readFailure(url, response, parsed);
  return { body: parsed as Body, headers: response.headers };
}
