import { setTimeout as pause } from 'node:timers/promises';
import { openClient } from '../../harness/live-client.ts';
import { between, type Random } from './random.ts';
import type { Servers } from './servers.ts';

const QUERY = 'subscription ($after: ID) { events(types: [USAGE_EXCEEDED], after: $after) { id } }';
const AGAIN_MS = 20;
const MIN_STAY_MS = 500;
const MAX_STAY_MS = 2_500;

/** One that follows `usage.exceeded` and resumes after the last that it saw. */
export interface ResumingSubscriber {
  name: string;
  seen: readonly string[];
  connections(): number;
  failures: readonly string[];
  stop(): void;
}

interface Told {
  data?: { events: { id: string } } | null;
  errors?: readonly { message: string }[];
}

/**
 * Over WebSocket with the published client, on the servers that `next` names: it is asked for each
 * connection.
 */
export function followSocket(name: string, servers: Servers, key: string, first: string, next: () => number) {
  const seen: string[] = [];
  const failures: string[] = [];
  let connections = 0;
  const client = openClient(() => `ws://127.0.0.1:${servers.port(next())}/graphql`, key);
  let isConnected = false;
  client.on('connected', () => {
    isConnected = true;
    connections++;
  });
  client.on('closed', () => {
    isConnected = false;
  });
  // The client sends what these are at each connection.
  const variables = { after: first };
  client.subscribe<Told['data']>(
    { query: QUERY, variables },
    {
      next({ data, errors }) {
        if (!data) return void failures.push(JSON.stringify(errors));
        variables.after = (data as { events: { id: string } }).events.id;
        seen.push(variables.after);
      },
      error: (error) => failures.push(error instanceof Error ? error.message : JSON.stringify(error)),
      complete: () => {},
    },
  );
  const subscriber: ResumingSubscriber = {
    name,
    seen,
    failures,
    connections: () => connections,
    stop: () => void client.dispose(),
  };
  const reconnect = () => {
    if (isConnected) client.terminate();
  };
  return { subscriber, reconnect };
}

/** Goes to the other server again and again. */
export function followBoth(servers: Servers, key: string, first: string, random: Random): ResumingSubscriber {
  let turn = 0;
  let isStopped = false;
  const { subscriber, reconnect } = followSocket('changes between both', servers, key, first, () => turn++);
  const change = async () => {
    while (!isStopped) {
      await pause(between(random, MIN_STAY_MS, MAX_STAY_MS));
      if (!isStopped) reconnect();
    }
  };
  void change();
  return {
    ...subscriber,
    stop() {
      isStopped = true;
      subscriber.stop();
    },
  };
}

/** Over server-sent events, on both servers in turn. */
export function followStream(servers: Servers, key: string, first: string): ResumingSubscriber {
  const seen: string[] = [];
  const failures: string[] = [];
  const controller = new AbortController();
  const headers = { authorization: `Bearer ${key}`, accept: 'text/event-stream', 'content-type': 'application/json' };
  let connections = 0;

  function take(block: string): void {
    const line = block.split('\n').find((one) => one.startsWith('data: {'));
    if (line === undefined) return;
    const { data, errors }: Told = JSON.parse(line.slice('data: '.length));
    if (data) seen.push(data.events.id);
    else failures.push(JSON.stringify(errors));
  }

  async function read(turn: number): Promise<void> {
    const body = JSON.stringify({ query: QUERY, variables: { after: seen.at(-1) ?? first } });
    const url = `http://127.0.0.1:${servers.port(turn)}/graphql`;
    const response = await fetch(url, { method: 'POST', headers, body, signal: controller.signal });
    if (response.status !== 200 || !response.body) return void (await response.text());
    connections++;
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + chunk).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) take(block);
    }
  }

  const follow = async () => {
    for (let turn = 0; !controller.signal.aborted; turn++) {
      await read(turn).catch(() => {});
      await pause(AGAIN_MS);
    }
  };
  void follow();
  return {
    name: 'server-sent events',
    seen,
    failures,
    connections: () => connections,
    stop: () => controller.abort(),
  };
}
