import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { Hono } from 'hono';
import type { Resources } from '../domain/context.ts';
import { AppError } from '../platform/errors.ts';
import { readBodyBytes, readBodyText } from '../platform/http/http-body.ts';
import type { RequestInfo } from '../platform/http/request-info.ts';
import { createStaticPage, type StaticPage } from '../platform/http/static-page.ts';
import { accessRoutes } from './access/access.ts';
import { auditLogRoutes } from './access/audit-log.ts';
import { organizationRoutes } from './access/organizations.ts';
import { teamRoutes } from './access/teams.ts';
import { budgetRoutes } from './budgets.ts';
import { costRoutes } from './costs/costs.ts';
import { priceRoutes } from './costs/prices.ts';
import { creditRoutes } from './credits.ts';
import { docsPage } from './docs-page.ts';
import { eventRoutes } from './events.ts';
import { holdRoutes } from './holds.ts';
import { createOpenApiDocument } from './http/openapi.ts';
import { type RestRequest, toResponse } from './http/request.ts';
import { answerFailure, type Route, refuseAdmitted } from './http/route.ts';
import { traceRoutes } from './usage/traces.ts';
import { usageRoutes } from './usage/usage.ts';

export const ROUTES: readonly Route[] = [
  ...usageRoutes,
  ...traceRoutes,
  ...costRoutes,
  ...priceRoutes,
  ...holdRoutes,
  ...budgetRoutes,
  ...creditRoutes,
  ...eventRoutes,
  ...teamRoutes,
  ...organizationRoutes,
  ...accessRoutes,
  ...auditLogRoutes,
];

const DOCS_FOLDER = dirname(findPackageJSON('swagger-ui-dist', import.meta.url) ?? '');
const DAY_CACHED = 'public, max-age=86400';

/** A file of Swagger UI, as it is installed. */
function docsFile(name: string, contentType: string): [string, StaticPage] {
  return [name, createStaticPage(() => readFile(join(DOCS_FOLDER, name)), { contentType, cacheControl: DAY_CACHED })];
}

const DOCS_FILES: ReadonlyMap<string, StaticPage> = new Map([
  docsFile('swagger-ui.css', 'text/css; charset=utf-8'),
  docsFile('swagger-ui-bundle.js', 'text/javascript; charset=utf-8'),
]);

function toRestRequest(request: Request, params: Record<string, string>, info: RequestInfo): RestRequest {
  const mark = request.url.indexOf('?');
  return {
    method: request.method,
    search: mark < 0 ? '' : request.url.slice(mark + 1),
    params,
    header: (name) => request.headers.get(name),
    text: (maxBytes) => readBodyText(request, maxBytes),
    bytes: (maxBytes) => readBodyBytes(request, maxBytes),
    requestId: info.requestId,
    address: info.address,
  };
}

/** The route that takes a POST at exactly this path, where no part of the path varies. */
export function findFixedPost(path: string): Route | undefined {
  return FIXED_POSTS.get(path);
}

const FIXED_POSTS = new Map(
  ROUTES.filter(({ definition: { method, path } }) => method === 'post' && !path.includes('{')).map((one) => [
    one.definition.path,
    one,
  ]),
);

/**
 * Paths without parameters come first: another method at `/v1/usage/holds` is refused there, and not
 * taken for the id in `/v1/usage/{id}`.
 */
const ROUTES_BY_PATH = [...Map.groupBy(ROUTES, ({ definition }) => definition.path)].sort(
  ([a], [b]) => a.split('{').length - b.split('{').length,
);

/** The OpenAPI document as it is served and committed. */
export async function openApiDocument(): Promise<object> {
  const manifest = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'));
  return createOpenApiDocument(ROUTES, manifest.version);
}

/**
 * REST over the routes' table, its documentation, and a clear answer for every path and method that
 * does not exist.
 */
export async function createRestHandler(
  resources: Resources,
): Promise<(request: Request, info: RequestInfo) => Promise<Response>> {
  const app = new Hono<{ Bindings: RequestInfo }>({ strict: false });
  const fail = (error: unknown, { requestId }: RequestInfo) => toResponse(answerFailure(error, resources, requestId));
  const document = JSON.stringify(await openApiDocument());
  const documentPage = createStaticPage(async () => document, { contentType: 'application/json' });
  const docs = createStaticPage(async () => docsPage(), { contentType: 'text/html; charset=utf-8' });

  app.get('/v1/openapi.json', (c) => documentPage(c.req.raw));
  app.get('/docs', (c) => docs(c.req.raw));
  app.get('/docs/:file', async (c) => {
    const page = DOCS_FILES.get(c.req.param('file'));
    return page ? page(c.req.raw) : fail(new AppError('not_found', 'There is no such file.'), c.env);
  });

  const refuse = async (error: AppError, request: Request, info: RequestInfo, headers: Record<string, string> = {}) =>
    toResponse(await refuseAdmitted(error, resources, toRestRequest(request, {}, info), headers));
  for (const [template, routes] of ROUTES_BY_PATH) {
    const path = template.replace(/\{(\w+)\}/g, ':$1');
    for (const one of routes) {
      app.on(one.definition.method.toUpperCase(), path, async (c) => {
        const request = toRestRequest(c.req.raw, c.req.param() as Record<string, string>, c.env);
        return toResponse(await one.handle(resources, request));
      });
    }
    const methods = routes.map(({ definition }) => definition.method.toUpperCase());
    const Allow = (methods.includes('GET') ? [...methods, 'HEAD'] : methods).join(', ');
    app.all(path, (c) => {
      const error = new AppError('method_not_allowed', `This path takes ${Allow}.`);
      return refuse(error, c.req.raw, c.env, { Allow });
    });
  }
  app.notFound((c) => refuse(new AppError('not_found', `There is nothing at ${c.req.path}.`), c.req.raw, c.env));
  app.onError((error, c) => fail(error, c.env));

  return async (request, info) => app.fetch(request, info);
}
