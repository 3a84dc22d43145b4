import { once } from 'node:events';
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Calls } from './calls.ts';
import { OPERATOR_KEY } from './operator-key.ts';
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

/** Live subscriptions of a process. */
export async function countSubscriptions({ rest }: Pick<Calls, 'rest'>): Promise<number> {
  const { text } = await rest('GET', '/metrics', { key: OPERATOR_KEY });
  return Number(/^meterr_subscriptions (\d+)$/m.exec(text)?.[1]);
}

/** Begins a subscription; resolves when the server has given it its place in the log. */
export async function subscribe(
  calls: Pick<Calls, 'rest'>,
  client: RawClient,
  ...[id, query, variables]: Parameters<RawClient['ask']>
): Promise<void> {
  const before = await countSubscriptions(calls);
  client.ask(id, query, variables);
  await waitUntil(`${id} has begun`, async () => (await countSubscriptions(calls)) > before);
}

/** Resolves when the server has answered a query on the socket. */
export async function roundTrip(client: RawClient): Promise<void> {
  const id = `query-${client.received.length}-${Math.random()}`;
  client.ask(id, '{ me { scopes } }');
  await waitUntil('it is answered', () => client.received.some((one) => one.id === id && one.type === 'complete'));
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
