import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import pg from 'pg';
import { expect } from 'vitest';
import { formatId } from '../../src/platform/ids.ts';
import type { LoadReport } from '../harness/usage-load.ts';

/** Holds what was acknowledged against the ledger: nothing is missing, nothing is there twice. */
export async function expectNothingLost(connectionString: string, report: LoadReport): Promise<number> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<{ id: string; event_id: string; user_id: string | null }>(
    'SELECT id, event_id, user_id FROM usage_events',
  );
  await client.end();
  const byEvent = new Map(rows.map((row) => [row.event_id, formatId('usageEvent', row.id)]));
  const byUser = new Map(rows.map((row) => [row.user_id, formatId('usageEvent', row.id)]));
  const acknowledged = [...report.byEventId, ...[...report.byUser].filter(([, id]) => id !== null)];
  const missing = acknowledged.filter(([name, id]) => byEvent.get(name) !== id && byUser.get(name) !== id);
  expect(missing).toEqual([]);
  const others = Object.keys(report.failures).filter((kind) => kind !== 'network' && !/ unavailable$/.test(kind));
  expect(others).toEqual([]);
  return acknowledged.length;
}

/** How many starts are killed; METERR_OPS_KILLS=20 for the long form. */
export const KILLS = Number(process.env.METERR_OPS_KILLS ?? 5);

/** Milliseconds after a start, spread over the time that it takes, each at random in its part. */
export function killMoments(fromMs: number, untilMs: number): number[] {
  return Array.from({ length: KILLS }, (_, part) =>
    Math.round(fromMs + ((part + Math.random()) / KILLS) * (untilMs - fromMs)),
  );
}

/** An address that stays while the server behind it changes, as a DNS name or a virtual address does. */
export async function openSwitch(port: number) {
  let target = port;
  const sockets = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(target, '127.0.0.1');
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        incoming.destroy();
        outgoing.destroy();
      });
    }
    incoming.pipe(outgoing).pipe(incoming);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    lead(to: number) {
      target = to;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
