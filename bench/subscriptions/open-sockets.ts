import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { CORES, startChild } from '../harness/child.ts';
import type { SocketReport, SocketRequest } from './socket-client.ts';

const SETTLE_MS = 2_000;

export interface Timed {
  firstAtMs: number;
  lastAtMs: number;
}

export type SubscriberProcess = Awaited<ReturnType<typeof openSockets>>;

/** Subscribers in a process of their own. */
export async function openSockets(target: { port: number; key: string }, count: number) {
  const child = startChild({ script: 'bench/subscriptions/socket-client.ts', ipc: true, core: CORES.client });
  const say = (message: SocketRequest) => child.process.send(message);
  const hear = async () => (await once(child.process, 'message'))[0] as SocketReport;
  const opened = hear();
  say({ open: { port: target.port, key: target.key, count } });
  await opened;
  // The last of them is acknowledged before it has its place.
  await sleep(SETTLE_MS);
  return {
    /** Resolves when this many messages have come, all in all. */
    expect(messages: number): Promise<Timed> {
      say({ expect: messages });
      return hear() as Promise<Timed>;
    },
    stop: child.stop,
  };
}
