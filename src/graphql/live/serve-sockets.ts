import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { CloseCode, handleProtocols, type Server } from 'graphql-ws';
import { WebSocket, type WebSocketServer } from 'ws';
import type { Log } from '../../platform/log.ts';
import type { LiveMessage } from './live-message.ts';
import { isPlainId } from './live-message.ts';

/** Bytes that wait for a socket that does not read them; the answer under way comes on top. */
export const MAX_UNSENT_BYTES = 4 * 1_048_576;
/** Live messages that may wait for a socket that does not read them. */
export const MAX_UNSENT_MESSAGES = 10_000;
export const TRY_AGAIN_LATER = 1013;
/** How long a socket that is closed for reading too slowly has to read why. */
const CUT_AFTER_MS = 2_000;
/** A connection that answers no ping for this long is gone. */
const PING_EVERY_MS = 12_000;

/**
 * A socket that is closed with 1013 where its reader lets more than {@link MAX_UNSENT_BYTES} or
 * {@link MAX_UNSENT_MESSAGES} wait: what it is sent after that is dropped.
 */
export class BoundedSocket extends WebSocket {
  /** Whether it has answered since the last ping. */
  isAlive = true;
  #unsentMessages = 0;
  #isGathering = false;

  override send(...args: unknown[]): void {
    this.#closeSlow();
    Reflect.apply(super.send, this, args);
  }

  /**
   * Sends a live message of the operation `id`. Its bytes are a whole frame already, which goes to
   * the connection itself: `ws` frames each message anew. It compresses nothing and its own
   * sender holds nothing back, so frames never mix.
   * @param connection that carries this socket
   */
  sendLive(message: LiveMessage, id: string, connection: Socket): void {
    if (connection.writableLength === 0) this.#unsentMessages = 0;
    this.#unsentMessages++;
    this.#closeSlow();
    if (!isPlainId(id)) this.send(message.text(id));
    else if (this.readyState === WebSocket.OPEN && connection.writable) {
      this.#gather(connection);
      connection.write(message.frame(id));
    }
  }

  /** What is sent in one turn leaves in one call to the system. */
  #gather(connection: Socket): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    connection.cork();
    process.nextTick(() => {
      this.#isGathering = false;
      connection.uncork();
    });
  }

  #closeSlow(): void {
    if (this.readyState !== WebSocket.OPEN) return;
    if (this.bufferedAmount <= MAX_UNSENT_BYTES && this.#unsentMessages <= MAX_UNSENT_MESSAGES) return;
    this.closeBehind();
  }

  /** Closes it because it cannot keep up, and cuts it where it does not read that either. */
  closeBehind(): void {
    this.close(TRY_AGAIN_LATER, 'This socket is read too slowly.');
    setTimeout(() => this.terminate(), CUT_AFTER_MS).unref();
  }
}

/** What the protocol knows of a socket. The request that opened it is not kept. */
export interface SocketExtra {
  socket: BoundedSocket;
  /** The connection that carries it. */
  connection: Socket;
  /** The network address of the caller. */
  address: string;
}

/** Pings every socket, and cuts those that have not answered the ping before. @returns the end */
function keepAlive(sockets: WebSocketServer): () => void {
  const timer = setInterval(() => {
    for (const socket of sockets.clients) {
      if (!(socket instanceof BoundedSocket)) continue;
      if (!socket.isAlive) socket.terminate();
      else if (socket.readyState === socket.OPEN) {
        socket.isAlive = false;
        socket.ping();
      }
    }
  }, PING_EVERY_MS);
  return () => clearInterval(timer);
}

function markAlive(this: WebSocket): void {
  if (this instanceof BoundedSocket) this.isAlive = true;
}

export interface ServeOptions<Extra extends SocketExtra> {
  protocol: Server<Extra>;
  sockets: WebSocketServer;
  log: Log;
  open(socket: BoundedSocket, request: IncomingMessage): Extra;
  closed(extra: Extra): void;
}

/**
 * Joins the protocol to its sockets. Unlike the library's own way to do this, it writes failures to
 * the log only: nothing that was thrown reaches the standard error or a caller.
 * @returns stops the pings
 */
export function serveSockets<Extra extends SocketExtra>(options: ServeOptions<Extra>): () => void {
  const { protocol, sockets, log, open } = options;
  sockets.options.handleProtocols = (names) => handleProtocols(names);
  sockets.on('connection', (socket: BoundedSocket, request: IncomingMessage) => {
    const fail = (error: unknown) => {
      log.error({ err: error }, 'a message of a WebSocket could not be handled');
      socket.close(CloseCode.InternalServerError, 'Internal server error');
    };
    socket.on('pong', markAlive);
    // What a client sends against the protocol; the socket closes itself, with the code of the fault.
    socket.on('error', (error) => log.debug({ err: error }, 'a WebSocket was broken off'));
    const extra = open(socket, request);
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
      extra,
    );
    socket.once('close', (code, reason) => {
      options.closed(extra);
      closed(code, String(reason)).catch((error) => log.error({ err: error }, 'a WebSocket could not be ended'));
    });
  });
  return keepAlive(sockets);
}
