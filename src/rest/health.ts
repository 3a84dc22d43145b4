import type { Resources } from '../domain/context.ts';
import { AppError } from '../platform/errors.ts';
import { toResponse } from './http/request.ts';
import { answerFailure } from './http/route.ts';

/** `/health/live`: the process runs. `/health/ready`: it serves, and the database answers. */
export function createHealthHandler(
  resources: Resources,
): (path: string, requestId: string, stopping: boolean) => Promise<Response> {
  const { database, log } = resources;

  async function isDatabaseUp(): Promise<boolean> {
    try {
      await database.pool.query('SELECT 1');
      return true;
    } catch (error) {
      log.warn({ err: error }, 'not ready: the database does not answer');
      return false;
    }
  }

  return async (path, requestId, stopping) => {
    if (path === '/health/live') return Response.json({ status: 'ok' });
    if (path !== '/health/ready') {
      return toResponse(answerFailure(new AppError('not_found', `There is nothing at ${path}.`), resources, requestId));
    }
    const ready = !stopping && (await isDatabaseUp());
    return Response.json({ status: ready ? 'ok' : 'unavailable' }, { status: ready ? 200 : 503 });
  };
}
