import { once } from 'node:events';
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { waitUntil } from './wait-until.ts';

/** A message of the protocol graphql-transport-ws. */
export interface Message {
  type: string;
  id?: string;
  payload?: unknown;
}

/** A raw socket that was admitted, and what it received. */
export interface RawClient {
  socket: WebSocket;
  received: Message[];
  /** The `data` of what an operation received. */
  told<Data>(id: string): Data[];
  ask(id: string, query: string, variables?: object): void;
  /** Resolves with the code of the close. */
  closed: Promise<number>;
}

/** Opens a socket and sends the key. */
export async function openRaw(port: number, key: string): Promise<RawClient> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws');
  const received: Message[] = [];
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } }));
  await once(socket, 'message');
  socket.on('message', (data) => received.push(JSON.parse(String(data))));
  return {
    socket,
    received,
    closed,
    told: <Data>(id: string) =>
      received.flatMap((one) => (one.id === id && one.type === 'next' ? [Object(one.payload).data as Data] : [])),
    ask: (id, query, variables) =>
      socket.send(JSON.stringify({ type: 'subscribe', id, payload: { query, variables } })),
  };
}

/**
 * Resolves when the server has begun whatever the socket asked before: it reads messages in their
 * order, and answers a query only when the subscriptions before it have their place in the log.
 */
export async function settle(client: RawClient): Promise<void> {
  const id = `settle-${client.received.length}-${Math.random()}`;
  client.ask(id, '{ events(first: 1) { edges { node { id } } } }');
  await waitUntil('the server has begun', () =>
    client.received.some((one) => one.id === id && one.type === 'complete'),
  );
}

/** The published client, which reconnects by itself. */
export function openClient(url: () => string, key: string): Client {
  return createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${key}` },
    retryAttempts: 1_000,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 20)),
    shouldRetry: () => true,
  });
}
