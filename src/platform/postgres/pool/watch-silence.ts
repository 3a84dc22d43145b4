import type pg from 'pg';

/** A statement, and since when it runs. */
interface Running {
  statement: unknown;
  sinceMs: number;
}

const CHECKS_IN_TIME = 4;

/** What the driver keeps of the statement under way, without the warning of its public name. */
function statementOf(client: pg.Client): unknown {
  return (client as { _activeQuery?: unknown })._activeQuery ?? null;
}

/**
 * Cuts connections whose statement has said nothing for so long: a server that accepts and never
 * answers, or a network that swallows what is sent. Callers then hear of a lost connection. Statements
 * cost nothing for it: they are looked at a few times within the limit.
 */
export function watchSilence(pool: pg.Pool, silentMs: number): void {
  const clients = new Map<pg.PoolClient, Running>();
  pool.on('connect', (client) => clients.set(client, { statement: null, sinceMs: 0 }));
  pool.on('remove', (client) => clients.delete(client));
  const check = () => {
    const nowMs = performance.now();
    for (const [client, running] of clients) {
      const statement = statementOf(client as pg.PoolClient & pg.Client);
      if (statement === null || statement !== running.statement) {
        clients.set(client, { statement, sinceMs: nowMs });
      } else if (nowMs - running.sinceMs >= silentMs) {
        const { connection } = client as pg.PoolClient & { connection: { stream: { destroy(error: Error): void } } };
        connection.stream.destroy(
          new Error(`Connection terminated: the server has not answered for ${Math.round(silentMs / 1000)} s`),
        );
      }
    }
  };
  setInterval(check, silentMs / CHECKS_IN_TIME).unref();
}
