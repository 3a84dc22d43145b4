import type { App } from '../../src/app.ts';
import { checkDocumented } from './documented-answers.ts';

/** A failure as both doors report it; `details` has the spelling of the door. */
export interface Failure {
  code: string;
  message: string;
  details: Record<string, unknown> & { fields?: { path: string; message: string }[] };
}

export interface CallOptions {
  /** Null sends no Authorization. The default is the admin key of the first organization. */
  key?: string | null;
  headers?: Record<string, string>;
  address?: string;
}

export interface RestOptions extends CallOptions {
  /** Sent as JSON; a string, bytes or a stream are sent unchanged. */
  body?: unknown;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** `error` is the content of the error envelope, if there is one. */
export interface RestAnswer<T> extends Answer {
  body: T;
  error: Failure | undefined;
}

export interface GraphQLFailure {
  message: string;
  path?: (string | number)[];
  extensions: { code: string; details?: Failure['details'] };
}

/** `error` is the first of `errors`. */
export interface GraphQLAnswer<T> extends Answer {
  data: T;
  errors: GraphQLFailure[] | undefined;
  error: Failure | undefined;
}

/** The two doors as functions, over `app.fetch`. */
export interface Calls {
  rest<T = unknown>(method: string, path: string, options?: RestOptions): Promise<RestAnswer<T>>;
  /**
   * Returns the body of a 2xx.
   * @throws Error on any other status
   */
  ok<T = unknown>(method: string, path: string, options?: RestOptions): Promise<T>;
  gql<T = unknown>(query: string, variables?: object | null, options?: CallOptions): Promise<GraphQLAnswer<T>>;
  /**
   * Returns the data of GraphQL.
   * @throws Error when there are errors
   */
  data<T = unknown>(query: string, variables?: object | null, options?: CallOptions): Promise<T>;
  fetch(path: string, init?: RequestInit, address?: string): Promise<Response>;
}

const ORIGIN = 'http://meterr.test';

function isRaw(body: unknown): body is string | Uint8Array<ArrayBuffer> | ReadableStream {
  return typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export type Door = Calls['fetch'];

function withDuplex(init: RequestInit): RequestInit {
  return init.body instanceof ReadableStream ? Object.assign({ duplex: 'half' }, init) : init;
}

export function fetchDoor(app: Pick<App, 'fetch'>): Door {
  return (path, init = {}, address) => app.fetch(new Request(new URL(path, ORIGIN), withDuplex(init)), address);
}

/** Sends requests over a loopback socket; `address` goes into X-Forwarded-For. */
export function socketDoor(port: number): Door {
  return (path, init = {}, address) => {
    const headers = new Headers(init.headers);
    if (address !== undefined) headers.set('x-forwarded-for', address);
    return fetch(new URL(path, `http://127.0.0.1:${port}`), withDuplex({ ...init, headers }));
  };
}

/** Makes the calls of both doors, by default with `adminKey`. Every answer of REST is held to its document. */
export function createCalls(send: Door, adminKey: string): Calls {
  async function fetch(path: string, init: RequestInit = {}, address?: string): Promise<Response> {
    const response = await send(path, init, address);
    // Whoever asked reads the body.
    const { status, headers } = response;
    checkDocumented({ method: init.method ?? 'GET', path, status, headers, text: null });
    return response;
  }

  function headersOf({ key = adminKey, headers = {} }: CallOptions, sendsJson: boolean): Record<string, string> {
    return {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(sendsJson ? { 'content-type': 'application/json' } : {}),
      ...headers,
    };
  }

  async function rest<T>(method: string, path: string, options: RestOptions = {}): Promise<RestAnswer<T>> {
    const { body } = options;
    const init: RequestInit = { method, headers: headersOf(options, body !== undefined) };
    if (body !== undefined) init.body = isRaw(body) ? body : JSON.stringify(body);
    const response = await send(path, init, options.address);
    const text = await response.text();
    checkDocumented({ method, path, status: response.status, headers: response.headers, text });
    const parsed = parse(text) as T;
    const { error } = Object(parsed) as { error?: Failure };
    return { status: response.status, headers: response.headers, text, body: parsed, error };
  }

  async function gql<T>(
    query: string,
    variables: object | null = null,
    options: CallOptions = {},
  ): Promise<GraphQLAnswer<T>> {
    const init = { method: 'POST', headers: headersOf(options, true), body: JSON.stringify({ query, variables }) };
    const response = await send('/graphql', init, options.address);
    const text = await response.text();
    const { data, errors } = Object(parse(text)) as { data: T; errors?: GraphQLFailure[] };
    const first = errors?.[0];
    const error = first && {
      code: first.extensions?.code,
      message: first.message,
      details: first.extensions?.details ?? {},
    };
    return { status: response.status, headers: response.headers, text, data, errors, error };
  }

  return {
    fetch,
    rest,
    gql,
    async ok<T>(method: string, path: string, options?: RestOptions) {
      const answer = await rest<T>(method, path, options);
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
      return answer.body;
    },
    async data<T>(query: string, variables?: object | null, options?: CallOptions) {
      const answer = await gql<T>(query, variables, options);
      if (answer.errors || answer.status >= 300) throw new Error(`${answer.status} ${answer.text}`);
      return answer.data;
    },
  };
}
