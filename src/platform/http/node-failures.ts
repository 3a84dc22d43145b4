import { type IncomingMessage, maxHeaderSize, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ErrorCode } from '../errors.ts';
import { newUuid } from '../ids.ts';

/** What HTTP itself refuses, before a route has the request. */
export interface HttpFailure {
  status: number;
  code: ErrorCode;
  message: string;
  allow?: string;
}

export const ALL_METHODS = 'GET, HEAD, POST, PATCH, DELETE, OPTIONS';
export const NO_HOST: HttpFailure = {
  status: 400,
  code: 'invalid_request',
  message: 'The header Host must be there once and name a host, such as "meterr.example:4000".',
};
export const NO_TARGET: HttpFailure = {
  status: 400,
  code: 'invalid_request',
  message: 'The request must name a path, such as "/v1/usage".',
};
const NOT_EXPECTED: HttpFailure = {
  status: 417,
  code: 'invalid_request',
  message: 'Of the header Expect only "100-continue" is understood: leave it out.',
};
const NO_TUNNEL: HttpFailure = {
  status: 405,
  code: 'method_not_allowed',
  message: `This server is not a proxy: it takes ${ALL_METHODS}.`,
  allow: ALL_METHODS,
};
const TOO_SLOW: HttpFailure = {
  status: 408,
  code: 'invalid_request',
  message: 'The request did not come whole in time: send it again.',
};
const LARGE_HEADERS: HttpFailure = {
  status: 431,
  code: 'invalid_request',
  message: `The path, its query and the headers must have at most ${maxHeaderSize} bytes together: send fewer filters or headers.`,
};
const NOT_HTTP: HttpFailure = {
  status: 400,
  code: 'invalid_request',
  message:
    'This is not HTTP/1.1 as this server reads it: check the request line, the headers and the length of the body.',
};

const BY_PARSER_CODE: ReadonlyMap<string, HttpFailure> = new Map([
  ['HPE_HEADER_OVERFLOW', LARGE_HEADERS],
  ['ERR_HTTP_REQUEST_TIMEOUT', TOO_SLOW],
]);

/** The usual envelope of a failure, with `X-Request-Id`, as the headers and body of an answer. */
export function describeHttpFailure({ status, code, message, allow }: HttpFailure) {
  const body = JSON.stringify({ error: { code, message, details: {} } });
  const headers: Record<string, string> = { 'Content-Type': 'application/json', 'X-Request-Id': newUuid() };
  if (allow) headers.Allow = allow;
  return { status, headers, body };
}

/** Writes a failure to a connection that has no `ServerResponse`, and ends it. */
export function endWithFailure(socket: Duplex, failure: HttpFailure): void {
  if (!socket.writable) return void socket.destroy();
  const { status, headers, body } = describeHttpFailure(failure);
  const all = { ...headers, 'Content-Length': String(Buffer.byteLength(body)), Connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`);
  socket.once('finish', () => socket.destroy());
}

/** Ends a WebSocket's handshake that cannot be made. */
export function refuseHandshake(error: Error, socket: Duplex): void {
  endWithFailure(socket, { status: 400, code: 'invalid_request', message: `${error.message}.` });
}

export interface NodeFailureOptions {
  /** Whether an answer is being written on that connection: another would end up inside it. */
  isAnswering(socket: Duplex): boolean;
  /** Told of each answer's status. */
  onAnswer(status: number): void;
}

/**
 * Gives the answers that Node's server would give by itself, without a body, the usual form: to what
 * its parser refuses, to an unknown `Expect`, and to CONNECT.
 */
export function answerNodeFailures(server: Server, { isAnswering, onAnswer }: NodeFailureOptions): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || isAnswering(socket)) return void socket.destroy();
    const failure = BY_PARSER_CODE.get(error.code ?? '') ?? NOT_HTTP;
    onAnswer(failure.status);
    endWithFailure(socket, failure);
  });
  server.on('checkExpectation', (_: IncomingMessage, response: ServerResponse) => {
    const { status, headers, body } = describeHttpFailure(NOT_EXPECTED);
    onAnswer(status);
    const length = String(Buffer.byteLength(body));
    response.writeHead(status, { ...headers, 'Content-Length': length, Connection: 'close' }).end(body);
  });
  server.on('connect', (_: IncomingMessage, socket) => {
    onAnswer(NO_TUNNEL.status);
    endWithFailure(socket, NO_TUNNEL);
  });
}
