import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { AnswerReader } from './answer-reader.ts';

export interface Answer {
  body: string;
  /** From the request's first byte out to the answer's last byte in. */
  ms: number;
}

/**
 * One connection that is kept, with one request at a time, over a bare socket; made anew where it
 * was closed in between.
 */
export interface HttpCaller {
  /**
   * @throws Error with the answer when its status is not 2xx, and when the connection breaks
   * meanwhile
   */
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  close(): void;
}

interface Connection {
  socket: Socket;
  reader: AnswerReader;
  /** Of the request that is under way. */
  settle: { resolve: () => void; reject: (error: Error) => void } | null;
}

async function open(port: number): Promise<Connection> {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  const connection: Connection = { socket, reader: new AnswerReader(), settle: null };
  socket.on('data', (chunk) => {
    if (connection.reader.push(chunk)) connection.settle?.resolve();
  });
  const fail = (error?: Error) => connection.settle?.reject(error ?? new Error('the server closed a connection'));
  socket.on('error', fail);
  socket.on('close', () => fail());
  return connection;
}

export async function openCaller(target: { port: number; key: string }): Promise<HttpCaller> {
  let connection = await open(target.port);
  return {
    async call(method, path, body) {
      // A server closes connections that are idle for long, as they are while others are measured.
      if (connection.socket.destroyed) connection = await open(target.port);
      const { socket, reader } = connection;
      const text = body === undefined ? '' : JSON.stringify(body);
      const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\nAuthorization: Bearer ${target.key}\r\n`;
      const entity = body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${text.length}\r\n`;
      const startMs = performance.now();
      await new Promise<void>((resolve, reject) => {
        connection.settle = { resolve, reject };
        socket.write(`${head}${entity}\r\n${text}`, 'latin1');
      });
      const ms = performance.now() - startMs;
      const answer = { body: reader.body(), ms };
      if (reader.status < 200 || reader.status > 299) throw new Error(`${path}: ${reader.status} ${answer.body}`);
      return answer;
    },
    close() {
      connection.socket.removeAllListeners('close');
      connection.socket.destroy();
    },
  };
}
