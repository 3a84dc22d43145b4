import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { type Context, Hono } from 'hono';
import type { Resources } from '../domain/context.ts';
import { AppError } from '../platform/errors.ts';
import { readBodyBytes, readBodyText } from '../platform/http/http-body.ts';
import type { RequestInfo } from '../platform/http/request-info.ts';
import { createStaticPage, type StaticPage } from '../platform/http/static-page.ts';
import { accessRoutes } from './access/access.ts';
import { apiKeyRoutes } from './access/api-keys.ts';
import { auditLogRoutes } from './access/audit-log.ts';
import { inviteRoutes } from './access/invites.ts';
import { memberRoutes } from './access/members.ts';
import { organizationRoutes } from './access/organizations.ts';
import { teamRoutes } from './access/teams.ts';
import { budgetRoutes } from './budgets.ts';
import { anomalyMuteRoutes } from './costs/anomaly-mutes.ts';
import { costForecastRoutes } from './costs/cost-forecast.ts';
import { costRoutes } from './costs/costs.ts';
import { costExportRoutes } from './costs/export-costs.ts';
import { aliasRoutes } from './costs/model-aliases.ts';
import { priceRoutes } from './costs/prices.ts';
import { creditRoutes } from './credits.ts';
import { DOCS_HEADERS, DOCS_SCRIPT, docsPage } from './docs-page.ts';
import { eventRoutes } from './events.ts';
import { holdRoutes } from './holds.ts';
import { HOME_HEADERS, homePage } from './home-page.ts';
import { createOpenApiDocument } from './http/openapi.ts';
import { type RestRequest, toResponse } from './http/request.ts';
import { answerFailure, type Route, refuseAdmitted } from './http/route.ts';
import { jobRoutes } from './jobs.ts';
import { answerMetrics } from './metrics.ts';
import { traceRoutes } from './usage/traces.ts';
import { usageRoutes } from './usage/usage.ts';
import { deliveryRoutes } from './webhooks/deliveries.ts';
import { webhookRoutes } from './webhooks/webhooks.ts';

export const ROUTES: readonly Route[] = [
  // Before the route of one event: `holds` is not the id of one.
  ...holdRoutes,
  ...usageRoutes,
  ...traceRoutes,
  ...costRoutes,
  ...costExportRoutes,
  ...costForecastRoutes,
  ...anomalyMuteRoutes,
  ...priceRoutes,
  ...aliasRoutes,
  ...jobRoutes,
  ...budgetRoutes,
  ...creditRoutes,
  ...eventRoutes,
  ...webhookRoutes,
  ...deliveryRoutes,
  ...teamRoutes,
  ...memberRoutes,
  ...inviteRoutes,
  ...organizationRoutes,
  ...apiKeyRoutes,
  ...accessRoutes,
  ...auditLogRoutes,
];

const DOCS_FOLDER = dirname(findPackageJSON('swagger-ui-dist', import.meta.url) ?? '');
const SNIFFLESS = { 'X-Content-Type-Options': 'nosniff' };
const DAY_CACHED = 'public, max-age=86400';

/** A file of Swagger UI, as it is installed. */
function docsFile(name: string, contentType: string): [string, StaticPage] {
  const headers = { 'Content-Type': contentType, 'Cache-Control': DAY_CACHED, ...SNIFFLESS };
  return [name, createStaticPage(async () => ({ content: await readFile(join(DOCS_FOLDER, name)), headers }))];
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

async function readVersion(): Promise<string> {
  const manifest = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'));
  return manifest.version;
}

/** The OpenAPI document as it is served and, without an address, committed. */
export async function openApiDocument(publicUrl: string | null = null): Promise<object> {
  return createOpenApiDocument(ROUTES, await readVersion(), publicUrl);
}

interface Env {
  Bindings: RequestInfo;
}

type Answerer = (c: Context<Env>) => Response | Promise<Response>;

/** What is served for people and machines around the API, by path. */
async function createPages(resources: Resources): Promise<[path: string, answer: Answerer][]> {
  const { publicUrl } = resources.config;
  const document = JSON.stringify(await openApiDocument(publicUrl));

  const version = await readVersion();
  const json = { 'Content-Type': 'application/json', ...SNIFFLESS };
  const documentPage = createStaticPage(async () => ({ content: document, headers: json }));
  const docsSeenFrom = (folder: './' | 'docs/') =>
    createStaticPage(async () => ({ content: docsPage(folder), headers: DOCS_HEADERS }));
  const [docs, docsFolder] = [docsSeenFrom('docs/'), docsSeenFrom('./')];
  return [
    [
      '/',
      (c) => {
        if (!c.req.header('accept')?.includes('text/html')) return c.notFound();
        return c.body(homePage(publicUrl ?? new URL(c.req.url).origin, version), 200, HOME_HEADERS);
      },
    ],
    ['/metrics', (c) => answerMetrics(resources, c.req.header('authorization') ?? null, c.env.address)],
    ['/v1/openapi.json', (c) => documentPage(c.req.raw)],
    ['/docs', (c) => (new URL(c.req.url).pathname.endsWith('/') ? docsFolder : docs)(c.req.raw)],
    [
      '/docs/start.js',
      (c) => c.body(DOCS_SCRIPT, 200, { 'Content-Type': 'text/javascript; charset=utf-8', ...SNIFFLESS }),
    ],
    [
      '/docs/{file}',
      (c) => {
        const page = DOCS_FILES.get(c.req.param('file') ?? '');
        return page ? page(c.req.raw) : c.notFound();
      },
    ],
  ];
}

/** By path, then by method. Fixed paths come first: `/v1/usage/history` is not an id. */
function byPath(resources: Resources, pages: readonly [path: string, answer: Answerer][]) {
  const paths = new Map<string, Map<string, Answerer>>(
    pages.map(([path, answer]) => [path, new Map([['GET', answer]])]),
  );
  for (const one of ROUTES) {
    const { path, method } = one.definition;
    const answerers = paths.get(path) ?? new Map<string, Answerer>();
    paths.set(path, answerers);
    answerers.set(method.toUpperCase(), async (c) => {
      const request = toRestRequest(c.req.raw, c.req.param() as Record<string, string>, c.env);
      return toResponse(await one.handle(resources, request));
    });
  }
  const parameters = (path: string) => path.split('{').length;
  return [...paths].sort(([a], [b]) => parameters(a) - parameters(b));
}

/**
 * REST over the routes' table, its documentation, and a clear answer for every path and method that
 * does not exist.
 */
export async function createRestHandler(
  resources: Resources,
): Promise<(request: Request, info: RequestInfo) => Promise<Response>> {
  const app = new Hono<Env>({ strict: false });
  const fail = (error: unknown, { requestId }: RequestInfo) => toResponse(answerFailure(error, resources, requestId));

  const refuse = async (error: AppError, request: Request, info: RequestInfo, headers: Record<string, string> = {}) =>
    toResponse(await refuseAdmitted(error, resources, toRestRequest(request, {}, info), headers));

  for (const [path, answerers] of byPath(resources, await createPages(resources))) {
    const pattern = path.replace(/\{(\w+)\}/g, ':$1');
    for (const [method, answer] of answerers) {
      app.on(method, pattern, (c) => {
        c.env.route = path;
        return answer(c);
      });
    }
    const methods = [...answerers.keys()].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
    const Allow = methods.join(', ');
    app.on('OPTIONS', pattern, (c) => c.body(null, 204, { Allow }));
    app.all(pattern, (c) => {
      const error = new AppError('method_not_allowed', `This path takes ${Allow}.`);
      return refuse(error, c.req.raw, c.env, { Allow });
    });
  }
  app.notFound((c) =>
    refuse(
      new AppError(
        'not_found',
        `There is nothing at ${c.req.path}. The API is under /v1 and at /graphql, its reference at /docs.`,
      ),
      c.req.raw,
      c.env,
    ),
  );
  app.onError((error, c) => fail(error, c.env));

  return async (request, info) => app.fetch(request, info);
}
