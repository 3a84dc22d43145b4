import type { Resources } from '../domain/context.ts';

/** `/health/live`: the process runs. `/health/ready`: it serves, and the database answers. */
export function createHealthHandler({
  database,
  log,
}: Resources): (path: string, stopping: boolean) => Promise<Response> {
  async function isDatabaseUp(): Promise<boolean> {
    try {
      await database.pool.query('SELECT 1');
      return true;
    } catch (error) {
      log.warn({ err: error }, 'not ready: the database does not answer');
      return false;
    }
  }

  return async (path, stopping) => {
    if (path === '/health/live') return Response.json({ status: 'ok' });
    if (path !== '/health/ready') {
      const error = { code: 'not_found', message: `There is nothing at ${path}.`, details: {} };
      return Response.json({ error }, { status: 404 });
    }
    const ready = !stopping && (await isDatabaseUp());
    return Response.json({ status: ready ? 'ok' : 'unavailable' }, { status: ready ? 200 : 503 });
  };
}
