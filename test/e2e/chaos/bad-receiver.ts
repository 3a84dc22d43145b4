import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { between, type Random } from './random.ts';

const MIN_PHASE_MS = 300;
const MAX_PHASE_MS = 1_200;
/** How long a phase waits for its first request. */
const MAX_IDLE_MS = 1_500;
/** Each takes one of the few places of the endpoint for 15 s: with more, the other phases would see nothing. */
const MAX_HANGING = 2;
const POLL_MS = 20;
const ELSEWHERE = '/elsewhere';

export type Mode = 'ok' | '500' | '429' | '301' | 'garbage' | 'hangs' | 'dead';
const MODES: readonly Mode[] = ['ok', '500', '429', 'ok', '301', 'garbage', 'ok', 'dead', 'hangs'];

/** A receiver of webhooks that behaves badly in turn. */
export interface BadReceiver {
  url: string;
  /** Verifies all that comes with this secret. */
  verifyWith(secret: string): void;
  behaveBadlyUntil(isOver: () => boolean): Promise<void>;
  /** When each event was first answered with 2xx, by its `webhook-id`. */
  taken: ReadonlyMap<string, number>;
  /** The exact bodies that each event came with. */
  bodies: ReadonlyMap<string, ReadonlySet<string>>;
  /** How many tries met each behaviour. */
  tries: ReadonlyMap<Mode, number>;
  /** What must not have come: bad signatures, requests that followed a redirect. */
  faults: readonly string[];
  close(): Promise<void>;
}

function misbehave(mode: Mode, response: ServerResponse): void {
  if (mode === '500') response.writeHead(500).end('broken');
  else if (mode === '429') response.writeHead(429, { 'retry-after': '1' }).end();
  else if (mode === '301') response.writeHead(301, { location: ELSEWHERE }).end();
  else if (mode === 'garbage') response.socket?.end('garbage\r\n\r\n');
  // A receiver that hangs never answers.
}

export async function startBadReceiver(random: Random): Promise<BadReceiver> {
  const taken = new Map<string, number>();
  const bodies = new Map<string, Set<string>>();
  const faults: string[] = [];
  let mode: Mode = 'ok';
  const tries = new Map<Mode, number>();
  let hanging = 0;
  let webhook: Webhook | null = null;

  function read(path: string, headers: Record<string, string>, body: string): string {
    const id = headers['webhook-id'] ?? '';
    if (path === ELSEWHERE) faults.push(`${id} followed a redirect`);
    try {
      webhook?.verify(body, headers);
    } catch (error) {
      faults.push(`${id}: ${error}`);
    }
    bodies.set(id, (bodies.get(id) ?? new Set()).add(body));
    return id;
  }

  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // The sender was killed within its request.
    }
    const id = read(request.url ?? '', request.headers as Record<string, string>, Buffer.concat(chunks).toString());
    const now = mode === 'hangs' && hanging++ >= MAX_HANGING ? '500' : mode;
    tries.set(now, (tries.get(now) ?? 0) + 1);
    if (now !== 'ok') return misbehave(now, response);
    response.writeHead(200).end('ok');
    if (!taken.has(id)) taken.set(id, Date.now());
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const die = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}/hook`,
    verifyWith(secret) {
      webhook = new Webhook(secret);
    },
    async behaveBadlyUntil(isOver) {
      for (let turn = 0; !isOver(); turn++) {
        mode = MODES[turn % MODES.length] as Mode;
        if (mode === 'dead') await die();
        const before = tries.get(mode);
        hanging = 0;
        await pause(between(random, MIN_PHASE_MS, MAX_PHASE_MS));
        const idleUntil = Date.now() + MAX_IDLE_MS;
        while (mode !== 'dead' && tries.get(mode) === before && Date.now() < idleUntil) await pause(POLL_MS);
        if (mode === 'dead') await listen(port);
      }
      mode = 'ok';
    },
    taken,
    bodies,
    tries,
    faults,
    close: die,
  };
}
