import type { IncomingMessage } from 'node:http';
import { CloseCode, handleProtocols, type Server } from 'graphql-ws';
import type { Extra } from 'graphql-ws/use/ws';
import { WebSocket, type WebSocketServer } from 'ws';
import type { Log } from '../../platform/log.ts';

/** Bytes that wait for a socket that does not read them; the answer under way comes on top. */
export const MAX_UNSENT_BYTES = 4 * 1_048_576;
const TRY_AGAIN_LATER = 1013;
/** How long a socket that is closed for reading too slowly has to read why. */
const CUT_AFTER_MS = 2_000;
/** A connection that answers no ping for this long is gone. */
const PING_EVERY_MS = 12_000;

/**
 * A socket that is closed with 1013 where its reader lets more than {@link MAX_UNSENT_BYTES} wait:
 * what it is sent after that is dropped.
 */
export class BoundedSocket extends WebSocket {
  override send(...args: unknown[]): void {
    if (this.readyState === WebSocket.OPEN && this.bufferedAmount > MAX_UNSENT_BYTES) {
      this.close(TRY_AGAIN_LATER, 'This socket is read too slowly.');
      setTimeout(() => this.terminate(), CUT_AFTER_MS).unref();
    }
    Reflect.apply(super.send, this, args);
  }
}

function keepAlive(socket: WebSocket): () => void {
  let isAlive = true;
  socket.on('pong', () => {
    isAlive = true;
  });
  const timer = setInterval(() => {
    if (!isAlive) return socket.terminate();
    isAlive = false;
    if (socket.readyState === socket.OPEN) socket.ping();
  }, PING_EVERY_MS);
  return () => clearInterval(timer);
}

/**
 * Joins the protocol to its sockets. Unlike the library's own way to do this, it writes failures to
 * the log only: nothing that was thrown reaches the standard error or a caller.
 */
export function serveSockets(protocol: Server<Extra>, sockets: WebSocketServer, log: Log): void {
  sockets.options.handleProtocols = (names) => handleProtocols(names);
  sockets.on('connection', (socket: WebSocket, request: IncomingMessage) => {
    const stopPings = keepAlive(socket);
    const fail = (error: unknown) => {
      log.error({ err: error }, 'a message of a WebSocket could not be handled');
      socket.close(CloseCode.InternalServerError, 'Internal server error');
    };
    // What a client sends against the protocol; the socket closes itself, with the code of the fault.
    socket.on('error', (error) => log.debug({ err: error }, 'a WebSocket was broken off'));
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) =>
          new Promise<void>((resolve) => {
            if (socket.readyState !== socket.OPEN) return resolve();
            // A socket that is gone has nobody to tell; its close ends what it asked.
            socket.send(data, () => resolve());
          }),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (handle) => socket.on('message', (data) => void handle(String(data)).catch(fail)),
      },
      { socket, request },
    );
    socket.once('close', (code, reason) => {
      stopPings();
      closed(code, String(reason)).catch((error) => log.error({ err: error }, 'a WebSocket could not be ended'));
    });
  });
}
