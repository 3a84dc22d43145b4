import { once } from 'node:events';
import { WebSocket } from 'ws';
import { QUERY } from './event-fields.ts';

// Opens sockets and counts what they receive, in a process of its own.

export interface OpenSockets {
  port: number;
  key: string;
  count: number;
  /** False: the sockets subscribe, but what they receive is not looked at. */
  counted: boolean;
}

export type SocketRequest = { open: OpenSockets } | { expect: number } | { close: true };
/** Times are epoch milliseconds with fractions. */
export type SocketReport = { opened: true } | { firstAtMs: number; lastAtMs: number } | { closed: true };

const report = (message: SocketReport) => process.send?.(message);
const nowMs = () => performance.timeOrigin + performance.now();
const OPENED_AT_ONCE = 50;
const NEXT = Buffer.from('"type":"next"');

let sockets: WebSocket[] = [];
let expected = 0;
let received = 0;
let firstAtMs = 0;

function count(): void {
  if (received === 0) firstAtMs = nowMs();
  received++;
  if (received !== expected) return;
  const message = { firstAtMs, lastAtMs: nowMs() };
  received = 0;
  expected = 0;
  report(message);
}

async function openOne({ port, key, counted }: OpenSockets): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', { perMessageDeflate: false });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } }));
  await once(socket, 'message');
  socket.send(JSON.stringify({ id: crypto.randomUUID(), type: 'subscribe', payload: { query: QUERY } }));
  if (counted) {
    socket.on('message', (data) => {
      if (Buffer.isBuffer(data) && data.includes(NEXT)) count();
    });
  }
  return socket;
}

async function open(options: OpenSockets): Promise<void> {
  for (let from = 0; from < options.count; from += OPENED_AT_ONCE) {
    const some = Array.from({ length: Math.min(OPENED_AT_ONCE, options.count - from) }, () => openOne(options));
    sockets.push(...(await Promise.all(some)));
  }
  report({ opened: true });
}

process.on('message', (message: SocketRequest) => {
  if ('open' in message) void open(message.open);
  else if ('expect' in message) expected = message.expect;
  else {
    for (const socket of sockets) socket.terminate();
    sockets = [];
    report({ closed: true });
  }
});
process.on('disconnect', () => process.exit(0));
