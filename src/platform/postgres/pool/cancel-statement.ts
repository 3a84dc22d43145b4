import { connect } from 'node:net';
import type pg from 'pg';
import { z } from 'zod';

/**
 * Where a connection leads, and what proves to the server that a request to cancel comes from its
 * owner.
 */
const CONNECTION = z.object({
  host: z.string(),
  port: z.number(),
  processID: z.number(),
  secretKey: z.number(),
});

/**
 * CancelRequest of PostgreSQL's protocol: its length, its code, and the two numbers of the
 * connection.
 */
const CANCEL_REQUEST_BYTES = 16;
const CANCEL_REQUEST_CODE = 80_877_102;
const TIMEOUT_MS = 1_000;
/** A request may meet the pause between two statements of a client, so it is repeated. */
const REPEAT_EVERY_MS = 100;
const ABANDON_AFTER_MS = 1_000;

/**
 * Asks the server to cancel what `client` runs; nothing happens where it runs nothing. The request
 * travels on a connection of its own and needs no login, so it also works when every connection is
 * taken, and through a pooler. The server does not answer it: its effect is that the statement
 * fails with SQLSTATE 57014. It may arrive late, so a client that was cancelled must not be used
 * for the statements of somebody else.
 */
export function cancelStatement(client: pg.ClientBase): void {
  const { data: connection } = CONNECTION.safeParse(client);
  if (!connection) return;
  const { host, port, processID, secretKey } = connection;
  const request = Buffer.alloc(CANCEL_REQUEST_BYTES);
  request.writeInt32BE(CANCEL_REQUEST_BYTES, 0);
  request.writeInt32BE(CANCEL_REQUEST_CODE, 4);
  request.writeInt32BE(processID, 8);
  request.writeInt32BE(secretKey, 12);
  const socket = connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
  // The server closes the connection once it has passed the request on.
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('connect', () => socket.end(request));
  socket.resume();
}

/**
 * Cancels whatever these clients run, later additions included, until the function that it returns
 * is called. Where that does not happen within a second, `abandon` is called, which is to close
 * their connections; what they had just sent is then cancelled too.
 */
export function keepCancelling(clients: Iterable<pg.ClientBase>, abandon: () => void): () => void {
  const cancelAll = (all = clients) => {
    for (const client of all) cancelStatement(client);
  };
  let isAbandoned = false;
  const repeating = setInterval(cancelAll, REPEAT_EVERY_MS);
  const abandoning = setTimeout(() => {
    isAbandoned = true;
    clearInterval(repeating);
    const last = [...clients];
    abandon();
    cancelAll(last);
    setTimeout(cancelAll, REPEAT_EVERY_MS, last);
  }, ABANDON_AFTER_MS);
  cancelAll();
  return () => {
    if (isAbandoned) return;
    clearInterval(repeating);
    clearTimeout(abandoning);
  };
}
