import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { ExecutionArgs } from 'graphql';
import { CloseCode, makeServer, type ServerOptions } from 'graphql-ws';
import type { Extra } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { admit } from '../../domain/access/admit.ts';
import type { Context, Resources } from '../../domain/context.ts';
import { AppError } from '../../platform/errors.ts';
import { BODY_LIMIT_BYTES } from '../../platform/http/http-body.ts';
import { refuseHandshake } from '../../platform/http/node-failures.ts';
import { newUuid } from '../../platform/ids.ts';
import { translateErrors } from '../builder/errors.ts';
import { schema } from '../schema.ts';
import { checkOperation } from './check-operation.ts';
import { GRAPHQL_PATH } from './graphql-path.ts';
import { parseOperation, validateOperation } from './query-limits.ts';
import { BoundedSocket, serveSockets } from './serve-sockets.ts';

const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;
/** Operations under way on one socket. */
export const MAX_OPERATIONS = 100;

export interface WebSocketDoor {
  close(): Promise<void>;
}

function authorizationOf(payload: unknown): string | null {
  if (typeof payload !== 'object' || payload === null || !('authorization' in payload)) return null;
  return typeof payload.authorization === 'string' ? payload.authorization : null;
}

/** A key that is wrong or was revoked: its socket closes. */
function isForbidden(error: unknown): boolean {
  return error instanceof AppError && error.code !== 'unavailable';
}

/**
 * GraphQL over WebSocket (graphql-transport-ws), at the same path and with the same schema, limits
 * and context as over HTTP. The key travels in `connection_init`; a wrong one closes with 4403.
 * Every operation is admitted and counted anew, so a key that was revoked meanwhile does nothing
 * more.
 */
export function openWebSocketDoor(
  resources: Resources,
  server: HttpServer,
  addressOf: (incoming: IncomingMessage) => string,
): WebSocketDoor {
  const sockets = new WebSocketServer({
    server,
    path: GRAPHQL_PATH,
    maxPayload: BODY_LIMIT_BYTES,
    WebSocket: BoundedSocket,
  });
  sockets.on('wsClientError', refuseHandshake);
  const { log, metrics } = resources;
  metrics.add({ name: 'meterr_websockets', help: 'Open WebSockets.', read: () => sockets.clients.size });

  type Options = ServerOptions<Record<string, unknown>, Extra>;
  type Connection = Parameters<NonNullable<Options['onConnect']>>[0];

  function admitConnection({ connectionParams, extra }: Connection) {
    return admit(resources, authorizationOf(connectionParams), addressOf(extra.request));
  }

  async function prepare(
    connection: Connection,
    { query, operationName, variables }: Parameters<NonNullable<Options['onSubscribe']>>[2],
    requestId: string,
  ): Promise<ExecutionArgs | readonly Error[]> {
    const { subscriptions, extra } = connection;
    if (Object.keys(subscriptions).length > MAX_OPERATIONS) {
      return [new AppError('rate_limit_exceeded', `A socket may have ${MAX_OPERATIONS} operations under way.`)];
    }
    try {
      const admission = await admitConnection(connection);
      if (admission.refusal) return [admission.refusal];
      const document = parseOperation(query);
      const invalid = validateOperation(schema, document);
      if (invalid.length > 0) return invalid;
      const asked = { document, operationName: operationName ?? null, variableValues: variables ?? null };
      const refused = await checkOperation(resources, admission, asked);
      if (refused) return refused;
      const address = addressOf(extra.request);
      const contextValue: Context = { resources, caller: admission.caller, requestId, address };
      return { schema, contextValue, ...asked };
    } catch (error) {
      if (isForbidden(error)) extra.socket.close(CloseCode.Forbidden, 'Forbidden');
      return [error instanceof Error ? error : new Error('something was thrown that is no error', { cause: error })];
    }
  }

  const protocol = makeServer<Record<string, unknown>, Extra>({
    async onConnect(connection) {
      try {
        return (await admitConnection(connection)).refusal === null;
      } catch (error) {
        if (isForbidden(error)) return false;
        log.warn({ err: error }, 'a WebSocket could not be admitted');
        connection.extra.socket.close(TRY_AGAIN_LATER, 'The server cannot take this now; try again.');
        return false;
      }
    },
    async onSubscribe(connection, _id, payload) {
      const requestId = newUuid();
      const prepared = await prepare(connection, payload, requestId);
      return 'schema' in prepared ? prepared : translateErrors(prepared, log, requestId);
    },
    onError: (_connection, _id, _payload, errors) =>
      translateErrors(errors, log, newUuid()).map((error) => error.toJSON()),
    onNext(_connection, _id, _payload, args, result) {
      if (!result.errors) return result;
      const { requestId } = args.contextValue as Context;
      return { ...result, errors: translateErrors(result.errors, log, requestId) };
    },
  });
  serveSockets(protocol, sockets, log);

  return {
    async close() {
      for (const socket of sockets.clients) socket.close(GOING_AWAY, 'The server is stopping; try again.');
      sockets.removeAllListeners();
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
    },
  };
}
