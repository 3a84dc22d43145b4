import type { Server as HttpServer, IncomingMessage } from 'node:http';
import { createSourceEventStream, type ExecutionArgs, type ExecutionResult } from 'graphql';
import { CloseCode, makeServer, type ServerOptions } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import { admit, admitConnection } from '../../domain/access/admit.ts';
import type { KeyWatch } from '../../domain/access/key-watch.ts';
import type { Context, Resources } from '../../domain/context.ts';
import { AppError } from '../../platform/errors.ts';
import { BODY_LIMIT_BYTES } from '../../platform/http/http-body.ts';
import { refuseHandshake } from '../../platform/http/node-failures.ts';
import { newUuid } from '../../platform/ids.ts';
import { translateErrors } from '../builder/errors.ts';
import { GRAPHQL_PATH } from '../graphql-path.ts';
import { type FanOut, isLiveSource, type LiveOperation } from '../live/fan-out.ts';
import { type LiveResults, openLiveResults } from '../live/live-results.ts';
import { BoundedSocket, type SocketExtra, serveSockets, TRY_AGAIN_LATER } from '../live/serve-sockets.ts';
import { schema } from '../schema.ts';
import { checkOperation } from './check-operation.ts';
import type { KnownDocuments } from './known-documents.ts';

const GOING_AWAY = 1001;
/** Operations under way on one socket. */
export const MAX_OPERATIONS = 100;

export interface WebSocketDoor {
  close(): Promise<void>;
}

export interface WebSocketParts {
  resources: Resources;
  server: HttpServer;
  addressOf(incoming: IncomingMessage): string;
  keys: KeyWatch;
  fanOut: FanOut;
  documents: KnownDocuments;
}

interface Extra extends SocketExtra {
  live: Set<LiveResults>;
  /** Set while its key is watched. */
  unwatch: (() => void) | null;
}

/** An operation of a socket that may be a subscription: what its arguments alone do not say. */
interface Asked {
  extra: Extra;
  id: string;
  text: string;
}

type Options = ServerOptions<Record<string, unknown>, Extra>;
type Connection = Parameters<NonNullable<Options['onConnect']>>[0];
type Payload = Parameters<NonNullable<Options['onSubscribe']>>[2];

function authorizationOf(payload: unknown): string | null {
  if (typeof payload !== 'object' || payload === null || !('authorization' in payload)) return null;
  return typeof payload.authorization === 'string' ? payload.authorization : null;
}

/** A key that is wrong or was revoked: its socket closes. */
function isForbidden(error: unknown): boolean {
  return error instanceof AppError && error.code !== 'unavailable';
}

function closeForbidden({ socket }: Extra): void {
  socket.close(CloseCode.Forbidden, 'Forbidden');
}

/**
 * GraphQL over WebSocket (graphql-transport-ws), at the same path and with the same schema, limits
 * and context as over HTTP. The key travels in `connection_init`; a wrong one closes with 4403, and
 * so does one that is not valid any more. Opening a socket is not counted; every operation is admitted
 * and counted anew.
 */
export function openWebSocketDoor(parts: WebSocketParts): WebSocketDoor {
  const { resources, server, addressOf, keys, fanOut, documents } = parts;
  const { log, metrics } = resources;
  const sockets = new WebSocketServer({
    server,
    path: GRAPHQL_PATH,
    maxPayload: BODY_LIMIT_BYTES,
    // Frames of live messages are made without it.
    perMessageDeflate: false,
    WebSocket: BoundedSocket,
  });
  sockets.on('wsClientError', refuseHandshake);
  metrics.add({ name: 'meterr_websockets', help: 'Open WebSockets.', read: () => sockets.clients.size });
  const asked = new WeakMap<ExecutionArgs, Asked & { context: Context }>();

  async function admitOperation({ connectionParams, extra }: Connection) {
    try {
      return await admit(resources, authorizationOf(connectionParams), extra.address);
    } catch (error) {
      if (isForbidden(error)) closeForbidden(extra);
      throw error;
    }
  }

  async function prepare(
    connection: Connection,
    id: string,
    { query, operationName, variables }: Payload,
    requestId: string,
  ): Promise<ExecutionArgs | readonly Error[]> {
    const { subscriptions, extra } = connection;
    if (Object.keys(subscriptions).length > MAX_OPERATIONS) {
      return [new AppError('rate_limit_exceeded', `A socket may have ${MAX_OPERATIONS} operations under way.`)];
    }
    try {
      const admission = await admitOperation(connection);
      if (admission.refusal) return [admission.refusal];
      const read = documents.read(query);
      if ('errors' in read) return read.errors;
      const { document } = read;
      const wanted = { document, operationName: operationName ?? null, variableValues: variables ?? null };
      const refused = await checkOperation(resources, admission, wanted);
      if (refused) return refused;
      const context: Context = { resources, caller: admission.caller, requestId, address: extra.address };
      const args: ExecutionArgs = { schema, contextValue: context, ...wanted };
      asked.set(args, { extra, id, text: query, context });
      return args;
    } catch (error) {
      return [error instanceof Error ? error : new Error('something was thrown that is no error', { cause: error })];
    }
  }

  async function subscribe(args: ExecutionArgs): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
    const source = await createSourceEventStream(args);
    const operation = asked.get(args);
    if (!isLiveSource(source)) {
      if (Symbol.asyncIterator in source) throw new Error('a subscription answers with a live source');
      return source;
    }
    if (!operation) throw new Error('a subscription was not prepared');
    const { extra, id, text, context } = operation;
    const { socket, connection } = extra;
    const subscriber = {
      position: 0,
      sentAtMs: 0,
      send: (message: Parameters<BoundedSocket['sendLive']>[0]) => socket.sendLive(message, id, connection),
      closeBehind: () => socket.closeBehind(),
    };
    const live: LiveOperation = { args: { ...args, contextValue: context }, text, source };
    try {
      const results = openLiveResults(fanOut, live, subscriber, () => extra.live.delete(results));
      extra.live.add(results);
      return results;
    } catch (error) {
      return { errors: translateErrors([error as Error], log, context.requestId) };
    }
  }

  function watch(connection: Connection, caller: Context['caller']): void {
    const { extra, connectionParams } = connection;
    extra.unwatch = keys.watch(authorizationOf(connectionParams) ?? '', caller, {
      onCaller: (now) => {
        for (const results of extra.live) results.check(now);
      },
      onRefused: () => closeForbidden(extra),
    });
  }

  const protocol = makeServer<Record<string, unknown>, Extra>({
    async onConnect(connection) {
      const { connectionParams, extra } = connection;
      const { socket, address } = extra;
      try {
        const caller = await admitConnection(resources, authorizationOf(connectionParams), address);
        if (socket.readyState === socket.OPEN) watch(connection, caller);
        return true;
      } catch (error) {
        if (isForbidden(error)) return false;
        log.warn({ err: error }, 'a WebSocket could not be admitted');
        socket.close(TRY_AGAIN_LATER, 'The server cannot take this now; try again.');
        return false;
      }
    },
    async onSubscribe(connection, id, payload) {
      const requestId = newUuid();
      const prepared = await prepare(connection, id, payload, requestId);
      return 'schema' in prepared ? prepared : translateErrors(prepared, log, requestId);
    },
    subscribe,
    onError: (_connection, _id, _payload, errors) =>
      translateErrors(errors, log, newUuid()).map((error) => error.toJSON()),
    onNext(_connection, _id, _payload, args, result) {
      if (!result.errors) return result;
      const { requestId } = args.contextValue as Context;
      return { ...result, errors: translateErrors(result.errors, log, requestId) };
    },
  });
  const stopPings = serveSockets<Extra>({
    protocol,
    sockets,
    log,
    open: (socket, request) => ({
      socket,
      connection: request.socket,
      address: addressOf(request),
      live: new Set(),
      unwatch: null,
    }),
    closed: ({ unwatch }) => unwatch?.(),
  });

  return {
    async close() {
      stopPings();
      for (const socket of sockets.clients) socket.close(GOING_AWAY, 'The server is stopping; try again.');
      sockets.removeAllListeners();
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
    },
  };
}
