import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { waitUntil } from './wait-until.ts';

/** A request that a receiver of webhooks has read. */
export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  /** The exact text. */
  body: string;
}

/** What a receiver does with a request. */
export type Behaviour = (response: ServerResponse, received: Received, socket: Socket) => void;

/** A real HTTP server on loopback that webhooks are sent to. */
export interface Receiver {
  url: string;
  received: Received[];
  /** What it does from now on. */
  behave(behaviour: Behaviour): void;
  /** Resolves with what has been received once there is this much of it. */
  waitFor(count: number): Promise<Received[]>;
  close(): Promise<void>;
}

/** Answers with a status, and the given headers. */
export function answerWith(status: number, headers: Record<string, string> = {}, body = ''): Behaviour {
  return (response) => response.writeHead(status, headers).end(body);
}

/** Starts a receiver that answers 200. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  let behaviour = answerWith(200, {}, 'ok');
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const one = { path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString('utf8') };
    received.push(one);
    behaviour(response, one, request.socket);
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    behave(next) {
      behaviour = next;
    },
    async waitFor(count) {
      await waitUntil(`${count} requests were received`, () => received.length >= count);
      return received;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
