import type { Server as HttpServer, IncomingMessage } from 'node:http';
import { GraphQLError, parse, specifiedRules, validate } from 'graphql';
import { CloseCode } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { admit } from '../../domain/access/admit.ts';
import type { Context, Resources } from '../../domain/context.ts';
import { AppError } from '../../platform/errors.ts';
import { BODY_LIMIT_BYTES } from '../../platform/http/http-body.ts';
import { refuseHandshake } from '../../platform/http/node-failures.ts';
import { newUuid } from '../../platform/ids.ts';
import { translateError } from '../builder/errors.ts';
import { schema } from '../schema.ts';
import { GRAPHQL_PATH } from './handler.ts';
import { QUERY_LIMITS, queryLimitsRule } from './query-limits.ts';

const GOING_AWAY = 1001;

export interface WebSocketDoor {
  close(): Promise<void>;
}

function authorizationOf(payload: unknown): string | null {
  if (typeof payload !== 'object' || payload === null || !('authorization' in payload)) return null;
  return typeof payload.authorization === 'string' ? payload.authorization : null;
}

function asGraphQLError(error: AppError): GraphQLError {
  return new GraphQLError(error.message, { originalError: error });
}

/**
 * GraphQL over WebSocket (graphql-transport-ws), at the same path and with the same schema and
 * context as over HTTP. The key travels in `connection_init`; a wrong one closes with 4403. Every
 * operation is admitted and counted anew, so a key that was revoked meanwhile does nothing more.
 */
export function openWebSocketDoor(
  resources: Resources,
  server: HttpServer,
  addressOf: (incoming: IncomingMessage) => string,
): WebSocketDoor {
  const sockets = new WebSocketServer({ server, path: GRAPHQL_PATH, maxPayload: BODY_LIMIT_BYTES });
  sockets.on('wsClientError', refuseHandshake);
  const { log, metrics } = resources;
  metrics.add({ name: 'meterr_websockets', help: 'Open WebSockets.', read: () => sockets.clients.size });
  const translate = (errors: readonly GraphQLError[], requestId: string) =>
    errors.map((error) => translateError(error, log, requestId));

  // What was admitted when an operation began, until it ends.
  const admitted = new WeakMap<WebSocket, Map<string, Context>>();
  const contextsOf = (socket: WebSocket) => {
    const known = admitted.get(socket) ?? new Map<string, Context>();
    admitted.set(socket, known);
    return known;
  };

  const door = useServer(
    {
      schema,
      validate: (schemaNow, document) => validate(schemaNow, document, [...specifiedRules, queryLimitsRule]),
      async onConnect({ connectionParams, extra }) {
        try {
          const address = addressOf(extra.request);
          const { refusal } = await admit(resources, authorizationOf(connectionParams), address);
          return refusal === null;
        } catch (error) {
          if (error instanceof AppError) return false;
          throw error;
        }
      },
      async onSubscribe({ connectionParams, extra }, id, { query }) {
        const requestId = newUuid();
        try {
          const address = addressOf(extra.request);
          const { caller, refusal } = await admit(resources, authorizationOf(connectionParams), address);
          if (refusal) return translate([asGraphQLError(refusal)], requestId);
          // Here, since the library closes the socket over a text that does not parse.
          parse(query, { maxTokens: QUERY_LIMITS.tokens });
          contextsOf(extra.socket).set(id, { resources, caller, requestId });
        } catch (error) {
          if (error instanceof GraphQLError) return translate([error], requestId);
          if (!(error instanceof AppError)) throw error;
          extra.socket.close(CloseCode.Forbidden, 'Forbidden');
          return [asGraphQLError(error)];
        }
      },
      context: ({ extra }, id) => ({ ...contextsOf(extra.socket).get(id) }),
      onComplete: ({ extra }, id) => {
        contextsOf(extra.socket).delete(id);
      },
      onError: (_context, _id, _payload, errors) => translate(errors, newUuid()).map((error) => error.toJSON()),
      onNext(_context, _id, _payload, args, result) {
        if (!result.errors) return result;
        const { requestId } = args.contextValue as unknown as Context;
        return { ...result, errors: translate(result.errors, requestId) };
      },
    },
    sockets,
  );

  return {
    async close() {
      for (const socket of sockets.clients) socket.close(GOING_AWAY, 'The server is stopping; try again.');
      await door.dispose();
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
    },
  };
}
