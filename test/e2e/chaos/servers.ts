import { setTimeout as pause } from 'node:timers/promises';
import { type Calls, createCalls, socketDoor } from '../../harness/calls.ts';
import { type MainProcess, startMain } from '../../harness/processes/main-process.ts';
import { between, type Random } from './random.ts';

const COUNT = 2;
const MIN_WAIT_MS = 1_000;
const MAX_WAIT_MS = 5_000;
/** Of the kills, how many end both at once. */
const BOTH = 0.2;

/** Servers on one database that are killed and started again. */
export interface Servers {
  /** The port of a server, also while it is down. */
  port(n: number): number;
  calls(n: number): Calls;
  /** Kills at random until `isOver`; resolves when all run again. */
  killUntil(isOver: () => boolean): Promise<void>;
  kills(): number;
  /** When the last one was killed, in epoch milliseconds. */
  lastKillMs(): number;
  stop(): Promise<void>;
}

export async function startServers(env: Record<string, string>, key: string, random: Random): Promise<Servers> {
  const running: MainProcess[] = [];
  // One after the other: each creates the first organization when there is none.
  for (let i = 0; i < COUNT; i++) running.push(await startMain(env));
  let kills = 0;
  let lastKillMs = 0;
  const at = (n: number) => running[n % COUNT] as MainProcess;

  async function replace(n: number): Promise<void> {
    await at(n).kill();
    kills++;
    lastKillMs = Date.now();
    running[n % COUNT] = await startMain(env);
  }

  return {
    port: (n) => at(n).port,
    calls: (n) => createCalls(socketDoor(at(n).port), key),
    async killUntil(isOver) {
      while (!isOver()) {
        await pause(between(random, MIN_WAIT_MS, MAX_WAIT_MS));
        const n = between(random, 0, COUNT - 1);
        await Promise.all(random() < BOTH ? [replace(n), replace(n + 1)] : [replace(n)]);
      }
    },
    kills: () => kills,
    lastKillMs: () => lastKillMs,
    async stop() {
      for (const server of running) await server.kill();
    },
  };
}
