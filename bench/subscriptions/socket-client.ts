import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { QUERY } from './event-fields.ts';

// Opens sockets and counts the frames that they receive, in a process of its own. It speaks the
// little of RFC 6455 that it needs itself: a whole client would be slower than the servers.

export interface OpenSockets {
  port: number;
  key: string;
  count: number;
}

export type SocketRequest = { open: OpenSockets } | { expect: number };
/** Times are epoch milliseconds with fractions. */
export type SocketReport = { opened: true } | { firstAtMs: number; lastAtMs: number };

const report = (message: SocketReport) => process.send?.(message);
const nowMs = () => performance.timeOrigin + performance.now();
const OPENED_AT_ONCE = 50;
const TEXT = 0x81;
const PING = 0x89;
/** Masked, as all that a client sends, and empty, as the ping was. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const LENGTH_16 = 126;
const LENGTH_64 = 127;

let expected = 0;
let received = 0;
let firstAtMs = 0;

function count(): void {
  if (expected === 0) return;
  if (received === 0) firstAtMs = nowMs();
  received++;
  if (received !== expected) return;
  const message = { firstAtMs, lastAtMs: nowMs() };
  received = 0;
  expected = 0;
  report(message);
}

/** A masked text frame with a mask of zeros. */
function frameOf(message: object): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  const header = Buffer.from([TEXT, 0x80 | LENGTH_16, body.length >> 8, body.length & 0xff, 0, 0, 0, 0]);
  return Buffer.concat([header, body]);
}

/** Counts the text frames of a connection, whatever pieces they come in. */
function countFrames(socket: Socket, onText: () => void): void {
  let left: Buffer = Buffer.alloc(0);
  /** Bytes of the present frame that are still to come. */
  let skip = 0;
  socket.on('data', (chunk) => {
    let bytes = left.length > 0 ? Buffer.concat([left, chunk]) : chunk;
    for (;;) {
      const skipped = Math.min(skip, bytes.length);
      skip -= skipped;
      bytes = bytes.subarray(skipped);
      const short = (bytes[1] ?? 0) & 0x7f;
      const header = short === LENGTH_16 ? 4 : short === LENGTH_64 ? 10 : 2;
      if (skip > 0 || bytes.length < header) break;
      skip =
        header + (short === LENGTH_16 ? bytes.readUInt16BE(2) : short === LENGTH_64 ? bytes.readUInt32BE(6) : short);
      if (bytes[0] === TEXT) onText();
      else if (bytes[0] === PING) socket.write(PONG);
    }
    left = bytes;
  });
}

async function openOne({ port, key }: OpenSockets): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(
    `GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n` +
      'Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
  );
  await once(socket, 'data');
  const acknowledged = Promise.withResolvers<void>();
  countFrames(socket, () => {
    acknowledged.resolve();
    count();
  });
  socket.write(frameOf({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } }));
  await acknowledged.promise;
  socket.write(frameOf({ id: crypto.randomUUID(), type: 'subscribe', payload: { query: QUERY } }));
}

async function open(options: OpenSockets): Promise<void> {
  for (let from = 0; from < options.count; from += OPENED_AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(OPENED_AT_ONCE, options.count - from) }, () => openOne(options)));
  }
  report({ opened: true });
}

process.on('message', (message: SocketRequest) => {
  if ('open' in message) void open(message.open);
  else expected = message.expect;
});
process.on('disconnect', () => process.exit(0));
