import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from './config.ts';
import type { OpenResources } from './domain/open-resources.ts';
import type { Log } from './platform/log.ts';
import type { DatabaseServer } from './platform/postgres/database-server.ts';

/** The end of an app, within `config.shutdownSeconds`, whatever runs. */
export interface Shutdown {
  /** Whether the server is draining, or past that. */
  hasBegun(): boolean;
  /** Whether an answer has begun on a connection and is not written to its end. */
  isAnswering(socket: Duplex): boolean;
  /**
   * From now on the shutdown ends this server's connections too. Called before it accepts the
   * first.
   */
  watch(server: Server, closeDoor: () => Promise<void>): void;
  /**
   * Serves on for `config.drainSeconds`, or until `hurried` is aborted. It counts in the time of the
   * shutdown, of which it takes at most {@link MAX_DRAIN_SHARE}. Without a server it ends at once.
   */
  drain(hurried: AbortSignal): Promise<void>;
  /** @returns whether everything was finished; false where something was cut off */
  run(): Promise<boolean>;
}

export interface ShutdownParts {
  config: Readonly<Config>;
  log: Log;
  resources: OpenResources;
  databaseServer: DatabaseServer;
}

/**
 * What is left of the time for cutting off and for PostgreSQL's own end: 2 s, or a third of a short
 * time.
 */
const RESERVED_MS = 2_000;
const RESERVED_SHARE = 1 / 3;
/** Of the reserved time: what callers whose statement was cancelled get to receive their 503. */
const ANSWERS_SHARE = 1 / 4;
/** Of the reserved time: when the rest is left behind, and PostgreSQL is stopped under it. */
const ABANDON_SHARE = 1 / 2;
/** PostgreSQL's immediate stop needs a moment as well. */
const IMMEDIATE_STOP_MS = 200;
/** The rest of the time is for what is in flight when the drain ends. */
const MAX_DRAIN_SHARE = 1 / 2;
/**
 * In which the next request of a connection that is kept alive, already on its way, arrives and is
 * answered as its last one. Whoever does not know that yet would find it torn.
 */
const LAST_REQUESTS_MS = 500;
const MAX_NAMED = 10;

/**
 * First the drain, if it is asked for: the server serves on and is not ready. Then nothing new is
 * accepted, upkeep is cancelled, WebSockets are closed. Then requests in
 * flight are answered. At the deadline, less {@link RESERVED_MS}: statements are cancelled and
 * their callers answered 503, connections are destroyed, pools ended, and PostgreSQL is stopped.
 */
export function createShutdown({ config, log, resources, databaseServer }: ShutdownParts): Shutdown {
  const timeMs = config.shutdownSeconds * 1000;
  const reservedMs = Math.min(RESERVED_MS, timeMs * RESERVED_SHARE);
  const sockets = new Map<Socket, ServerResponse | null>();
  let serving: { server: Server; closeDoor(): Promise<void> } | null = null;
  let startedMs: number | null = null;
  /** Unless it was drained before, nobody on the other side is given time. */
  let isHurried = true;
  let begun: Promise<boolean> | null = null;

  const announceEnd = (response: ServerResponse) => {
    if (!response.headersSent) response.setHeader('Connection', 'close');
    else response.once('close', () => serving?.server.closeIdleConnections());
  };

  /** Each answer from now on is the last one of its connection, and the others are closed. */
  function refuseMore(server: Server): void {
    for (const response of sockets.values()) if (response && !response.writableFinished) announceEnd(response);
    server.prependListener('request', (_: IncomingMessage, response: ServerResponse) => announceEnd(response));
    const closeUnused = () => {
      server.close();
      // Opened in advance, by a load balancer for instance: to Node that is not idle, and nothing was
      // asked on it.
      for (const socket of sockets.keys()) if (socket.bytesRead === 0) socket.destroy();
    };
    if (isHurried) closeUnused();
    else setTimeout(closeUnused, LAST_REQUESTS_MS).unref();
  }

  async function drain(hurried: AbortSignal): Promise<void> {
    startedMs ??= performance.now();
    isHurried = hurried.aborted;
    hurried.addEventListener('abort', () => {
      isHurried = true;
    });
    const drainMs = Math.min(config.drainSeconds * 1000, timeMs * MAX_DRAIN_SHARE);
    if (!serving || drainMs === 0 || hurried.aborted) return;
    log.info({ seconds: drainMs / 1000 }, 'draining: not ready, and serving on');
    // Aborted: somebody waits for the end.
    await sleep(drainMs, undefined, { signal: hurried }).catch(() => {});
  }

  async function finishRequests(): Promise<void> {
    if (!serving) return;
    const { server, closeDoor } = serving;
    // Of `net`: that of `http` would close idle connections at once.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
    refuseMore(server);
    await Promise.all([closed, closeDoor()]);
  }

  function logWhatIsCut(): void {
    const open = [...sockets.values()].filter((response) => response && !response.writableFinished);
    const requests = open.flatMap((response) => {
      const { method = '', url = '' } = response?.req ?? {};
      return `${method} ${url.split('?', 1)[0]}`;
    });
    const details = {
      requests: requests.slice(0, MAX_NAMED),
      openRequests: requests.length,
      otherConnections: sockets.size - requests.length,
      eventsInFlight: !resources.usage.isIdle(),
    };
    log.warn(details, 'cut off at the deadline: these requests and whatever else still ran');
  }

  async function cutOff(): Promise<void> {
    logWhatIsCut();
    resources.database.cancel();
    await sleep(reservedMs * ANSWERS_SHARE);
    for (const socket of sockets.keys()) socket.destroy();
  }

  async function finish(): Promise<void> {
    await Promise.all([resources.stopUpkeep(), finishRequests()]);
    await resources.close();
  }

  async function run(): Promise<boolean> {
    startedMs ??= performance.now();
    const deadline = startedMs + timeMs;
    const leftMs = deadline - performance.now();
    let isFinished = true;
    const timer = setTimeout(() => {
      isFinished = false;
      cutOff().catch((error) => log.warn({ err: error }, 'something could not be cut off'));
    }, leftMs - reservedMs);
    const abandoned = new AbortController();
    const abandon = sleep(leftMs - reservedMs * ABANDON_SHARE, undefined, { signal: abandoned.signal });
    const finished = finish().catch((error) => {
      isFinished = false;
      log.warn({ err: error }, 'something could not be finished');
    });
    await Promise.race([finished, abandon]);
    clearTimeout(timer);
    abandoned.abort();
    await databaseServer.stop(Math.max(0, deadline - performance.now() - IMMEDIATE_STOP_MS));
    return isFinished;
  }

  return {
    hasBegun: () => startedMs !== null,
    isAnswering(socket) {
      const response = socket instanceof Socket ? sockets.get(socket) : null;
      return response?.headersSent === true && !response.writableFinished;
    },
    watch(server, closeDoor) {
      serving = { server, closeDoor };
      server.on('connection', (socket: Socket) => {
        sockets.set(socket, null);
        socket.once('close', () => sockets.delete(socket));
      });
      server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
        sockets.set(incoming.socket, response);
      });
    },
    drain,
    run() {
      begun ??= run();
      return begun;
    },
  };
}
