import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { EVENT } from './make.ts';

/** An upload of NDJSON of which a part was sent. */
export interface Upload {
  /** Sends the rest. Resolves with the answer when the server has closed the connection. */
  finish(): Promise<{ status: number; answer: string }>;
}

/** Begins an upload of `lines` events with the ids `<name>-0` and so on, and sends half of it. */
export async function beginUpload(port: number, key: string, name: string, lines: number): Promise<Upload> {
  const text = Array.from({ length: lines }, (_, at) => JSON.stringify({ ...EVENT, id: `${name}-${at}` })).join('\n');
  const body = Buffer.from(text);
  const socket: Socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  const head = [
    'POST /v1/usage HTTP/1.1',
    'Host: meterr',
    `Authorization: Bearer ${key}`,
    'Content-Type: application/x-ndjson',
    `Content-Length: ${body.length}`,
    'Expect: 100-continue',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  // The server has the request: it asks for the body.
  while (!answer.includes('100 Continue')) await once(socket, 'data');
  const half = body.length >> 1;
  socket.write(body.subarray(0, half));
  return {
    async finish() {
      const closed = once(socket, 'close');
      socket.write(body.subarray(half));
      await closed;
      const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status));
      return { status: statuses.at(-1) ?? 0, answer };
    },
  };
}
