import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Time limits of a connection, in milliseconds; docs/bounds.md has the reasons. */
export const CONNECTION_LIMITS = {
  /** For the headers of a request to arrive. */
  headersMs: 15_000,
  /** For a whole request to arrive. */
  requestMs: 120_000,
  /** For a reader to take anything of an answer that waits for it. */
  stalledMs: 30_000,
  /** How often Node looks for the first two. */
  checkEveryMs: 5_000,
} as const;

/**
 * Drops connections on which nothing moves although their side could: a reader that takes nothing
 * of its answer, a writer that stops in the middle of its request. A request that this server is
 * still working on is left alone. Called before the server accepts its first connection.
 */
export function dropStalled(server: Server, stalledMs: number = CONNECTION_LIMITS.stalledMs): void {
  const answers = new WeakMap<Socket, ServerResponse>();
  server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
    answers.set(incoming.socket, response);
  });
  server.timeout = stalledMs;
  // Node calls this when no byte has moved either way for that long; with a listener, it leaves the
  // connection to us.
  server.on('timeout', (socket: Socket) => {
    const answer = answers.get(socket);
    const isOurTurn = answer && !answer.writableEnded && answer.req.complete && socket.writableLength === 0;
    if (!isOurTurn) socket.destroy();
  });
}
