import { Agent, request } from 'node:http';
import { EVENT } from './make.ts';

/** What became of the single events that many connections recorded until the server was gone. */
export interface Recorded {
  /** The usage id of each event that was acknowledged, by its own id. */
  acknowledged: Map<string, string>;
  /** Requests that were sent and not answered, by the code of the error. */
  torn: Map<string, number>;
}

/** Null: nobody listens any more. */
type Answered = { status: number; body: string } | null;

function post(port: number, agent: Agent, key: string, event: object): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const options = { host: '127.0.0.1', port, path: '/v1/usage', method: 'POST', headers, agent };
    const sent = request(options, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    sent.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNREFUSED' ? resolve(null) : reject(error)));
    sent.end(JSON.stringify(event));
  });
}

/**
 * Records single events over that many connections, each kept alive and with one request under way,
 * until nobody listens. Event ids begin with `name`.
 */
export function keepRecording(port: number, key: string, name: string, connections: number) {
  const recorded: Recorded = { acknowledged: new Map(), torn: new Map() };
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let count = 0;

  async function record(): Promise<void> {
    for (;;) {
      const id = `${name}-${count++}`;
      const answered = await post(port, agent, key, { ...EVENT, id }).catch((error: NodeJS.ErrnoException) => {
        const code = error.code ?? error.message;
        recorded.torn.set(code, (recorded.torn.get(code) ?? 0) + 1);
        return undefined;
      });
      if (answered === null) return;
      if (answered === undefined) continue;
      if (answered.status !== 201) throw new Error(`an event was answered ${answered.status} ${answered.body}`);
      recorded.acknowledged.set(id, JSON.parse(answered.body).id);
    }
  }

  const ended = Promise.all(Array.from({ length: connections }, record)).then(() => {
    agent.destroy();
    return recorded;
  });
  ended.catch(() => {});
  return { acknowledged: () => recorded.acknowledged.size, ended };
}
