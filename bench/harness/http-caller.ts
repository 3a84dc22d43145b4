import { once } from 'node:events';
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { AnswerReader } from './answer-reader.ts';

export interface Answer {
  body: string;
  /** From the request's first byte out to the answer's last byte in. */
  ms: number;
}

/** One connection that is kept, with one request at a time, over a bare socket. */
export interface HttpCaller {
  /** @throws Error with the answer when its status is not 2xx */
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  close(): void;
}

export async function openCaller(target: { port: number; key: string }): Promise<HttpCaller> {
  const socket = connect(target.port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  const reader = new AnswerReader();
  let settle: { resolve: () => void; reject: (error: Error) => void } | null = null;
  socket.on('data', (chunk) => {
    if (reader.push(chunk)) settle?.resolve();
  });
  const fail = (error?: Error) => settle?.reject(error ?? new Error('the server closed a connection'));
  socket.on('error', fail);
  socket.on('close', () => fail());
  return {
    async call(method, path, body) {
      const text = body === undefined ? '' : JSON.stringify(body);
      const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\nAuthorization: Bearer ${target.key}\r\n`;
      const entity = body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${text.length}\r\n`;
      const startMs = performance.now();
      await new Promise<void>((resolve, reject) => {
        settle = { resolve, reject };
        socket.write(`${head}${entity}\r\n${text}`, 'latin1');
      });
      const ms = performance.now() - startMs;
      const answer = { body: reader.body(), ms };
      if (reader.status < 200 || reader.status > 299) throw new Error(`${path}: ${reader.status} ${answer.body}`);
      return answer;
    },
    close() {
      socket.removeAllListeners('close');
      socket.destroy();
    },
  };
}
