import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { TestApp } from '../harness/app.ts';
import type { Send, WallAnswer } from './compare.ts';

/** A query that asks the database, so that its answer comes after what was asked before it. */
const ROUND_TRIP = '{ me { scopes } teams { edges { cursor } } }';
const ROUND_TRIPS = 3;

/** What a socket says to an operation. A subscription that is neither refused nor told anything is open. */
function answerOf(client: Client, query: string, variables: Record<string, unknown>): Promise<WallAnswer> {
  return new Promise((resolve) => {
    const answers: unknown[] = [];
    const done = (outcome: string) => {
      stop();
      resolve({ status: 200, headers: outcome, text: JSON.stringify(answers) });
    };
    const stop = client.subscribe(
      { query, variables },
      {
        next: (answer) => answers.push(answer),
        error: (failure) => {
          answers.push(failure);
          done('refused');
        },
        complete: () => done('complete'),
      },
    );
    if (!query.startsWith('subscription')) return;
    const wait = async () => {
      for (let i = 0; i < ROUND_TRIPS; i++) await answerOf(client, ROUND_TRIP, {});
      done('open');
    };
    wait().catch(() => done('closed'));
  });
}

/** Asks over the WebSocket, by one connection for each key. `close` ends them all. */
export async function sendOverSocket({ app }: TestApp): Promise<{ send: Send; close(): Promise<void> }> {
  const { port } = await app.listen(0, '127.0.0.1');
  const clients = new Map<string, Client>();
  const open = (key: string) =>
    createClient({
      url: `ws://127.0.0.1:${port}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${key}` },
      retryAttempts: 0,
      lazyCloseTimeout: 60_000,
    });
  return {
    async send(request, key) {
      if (request.door !== 'graphql') throw new Error('REST has no sockets.');
      const client = clients.get(key) ?? open(key);
      clients.set(key, client);
      return answerOf(client, request.query, request.variables);
    },
    async close() {
      for (const client of clients.values()) await client.dispose();
    },
  };
}
