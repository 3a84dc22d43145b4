import type { Resources } from '../domain/context.ts';
import { AppError } from '../platform/errors.ts';
import type { RequestInfo } from '../platform/http/request-info.ts';
import { toResponse } from './http/request.ts';
import { answerFailure } from './http/route.ts';

const PATHS = new Set(['/health/live', '/health/ready']);
const ALLOW = 'GET, HEAD';

/** `/health/live`: the process runs. `/health/ready`: it serves, and the database answers. */
export function createHealthHandler(
  resources: Resources,
): (request: Request, info: RequestInfo, stopping: boolean) => Promise<Response> {
  const { database, log } = resources;

  let isToldDown = false;

  async function isDatabaseUp(): Promise<boolean> {
    try {
      await database.requireReady();
      if (isToldDown) log.info('ready again: the database answers');
      isToldDown = false;
      return true;
    } catch (error) {
      // A probe comes every few seconds; one line says when it began.
      if (!isToldDown) log.warn({ err: error }, 'not ready: the database does not answer, or takes no writes');
      isToldDown = true;
      return false;
    }
  }

  return async ({ method, url }, info, stopping) => {
    const path = new URL(url).pathname;
    const fail = (error: AppError) => toResponse(answerFailure(error, resources, info.requestId));
    if (!PATHS.has(path)) return fail(new AppError('not_found', `There is nothing at ${path}.`));
    if (method === 'OPTIONS') return new Response(null, { status: 204, headers: { Allow: ALLOW } });
    if (method !== 'GET' && method !== 'HEAD') {
      const refused = fail(new AppError('method_not_allowed', `This path takes ${ALLOW}.`));
      refused.headers.set('Allow', ALLOW);
      return refused;
    }
    info.route = path;
    if (path === '/health/live') return Response.json({ status: 'ok' });
    const ready = !stopping && (await isDatabaseUp());
    return Response.json({ status: ready ? 'ok' : 'unavailable' }, { status: ready ? 200 : 503 });
  };
}
