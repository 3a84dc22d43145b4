import pg from 'pg';
import type { Log } from '../log.ts';
import type { OpenChannel } from './notice-channel.ts';

const CHANNEL = 'meterr_notices';
const RECONNECT_MS = { first: 100, most: 5_000 } as const;
const CONNECTION_TIMEOUT_MS = 10_000;

/**
 * Notices by LISTEN and NOTIFY, on one connection of its own beside the pool. A NOTIFY in a
 * transaction that records would make the commits of the whole database wait for each other, so
 * only this connection sends them, after those commits. A notice need not survive a crash of the
 * server, so its own commit does not wait for the disk.
 */
export function openPostgresChannel(connectionString: string, log: Log): OpenChannel {
  return ({ onNotice, onOpen }) => {
    let client: pg.Client | null = null;
    let isClosed = false;
    let pauseMs: number = RECONNECT_MS.first;
    let timer: NodeJS.Timeout | undefined;

    async function connect(): Promise<void> {
      const made = new pg.Client({
        connectionString,
        connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
        keepAlive: true,
        options: '-c synchronous_commit=off',
      });
      let isLost = false;
      const lose = (error?: Error) => {
        if (isLost) return;
        isLost = true;
        if (client === made) client = null;
        made.end().catch(() => {});
        if (isClosed) return;
        log.warn({ err: error }, 'the connection for notices was lost; live subscriptions are up to a second late');
        timer = setTimeout(connect, pauseMs).unref();
        pauseMs = Math.min(pauseMs * 2, RECONNECT_MS.most);
      };
      made.on('error', lose);
      made.on('end', lose);
      made.on('notification', ({ payload }) => onNotice(payload ?? ''));
      try {
        await made.connect();
        await made.query(`LISTEN ${CHANNEL}`);
      } catch (error) {
        return lose(error instanceof Error ? error : undefined);
      }
      if (isClosed) return void made.end().catch(() => {});
      client = made;
      pauseMs = RECONNECT_MS.first;
      onOpen();
    }

    const opening = connect();
    return {
      async publish(notice) {
        if (client === null) throw new Error('the channel of notices is not open');
        await client.query({ name: 'notify', text: 'SELECT pg_notify($1, $2)', values: [CHANNEL, notice] });
      },
      async close() {
        isClosed = true;
        clearTimeout(timer);
        await opening;
        await client?.end().catch(() => {});
      },
    };
  };
}
