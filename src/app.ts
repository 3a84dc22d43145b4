import { createServer, type ServerOptions } from 'node:http';
import type { Config } from './config.ts';
import { createKeyWatch } from './domain/access/key-watch.ts';
import { ACCEPT_PATH } from './domain/members/send-invite.ts';
import { type OpenResources, openResources } from './domain/open-resources.ts';
import { type CreatedOrganization, createFirstOrganization } from './domain/organizations/create-first-organization.ts';
import { createFanOut } from './graphql/live/fan-out.ts';
import { createGraphQLHandler, GRAPHQL_PATH, refuseRequest } from './graphql/server/handler.ts';
import { createKnownDocuments } from './graphql/server/known-documents.ts';
import { createStreamDoor } from './graphql/server/serve-streams.ts';
import { openWebSocketDoor } from './graphql/server/websocket.ts';
import { createOutdated } from './outdated.ts';
import { createAcceptPage } from './pages/accept-invite.ts';
import type { AppError } from './platform/errors.ts';
import { addAnswerHeaders } from './platform/http/answer-headers.ts';
import { createCallerAddress } from './platform/http/caller-address.ts';
import { CONNECTION_LIMITS, dropStalled } from './platform/http/drop-stalled.ts';
import { answerNodeFailures } from './platform/http/node-failures.ts';
import type { RequestInfo } from './platform/http/request-info.ts';
import { asksForWebSocket } from './platform/http/request-target.ts';
import { newUuid } from './platform/ids.ts';
import type { Log } from './platform/log.ts';
import { countAnswer, NO_ROUTE } from './platform/metrics/request-metrics.ts';
import { cancellingOnAbort } from './platform/postgres/database.ts';
import { type DatabaseServer, openDatabaseServer } from './platform/postgres/database-server.ts';
import { openSchemaGuard, type SchemaGuard } from './platform/postgres/migrate/schema-guard.ts';
import { createRestHandler } from './rest/app.ts';
import { createHealthHandler } from './rest/health.ts';
import { toResponse } from './rest/http/request.ts';
import { answerFailure } from './rest/http/route.ts';
import { createListener } from './server.ts';
import { createShutdown } from './shutdown.ts';

const SERVER_OPTIONS: ServerOptions = {
  // The parser is strict by default; saying so spares each answer the look into the process's
  // options.
  insecureHTTPParser: false,
  headersTimeout: CONNECTION_LIMITS.headersMs,
  requestTimeout: CONNECTION_LIMITS.requestMs,
  connectionsCheckingInterval: CONNECTION_LIMITS.checkEveryMs,
  // The listener looks at it itself, to answer in the usual form.
  requireHostHeader: false,
};
/** What PostgreSQL gets to end by itself when the start is given up. */
const ABORTED_STOP_MS = 2_000;

export interface App {
  /** Both doors as a function: for tests, and for whoever brings a server of their own. */
  fetch(request: Request, address?: string): Promise<Response>;
  /** Listens; rejects when the port is taken. */
  listen(port: number, host: string): Promise<{ port: number }>;
  /** Reads now what other processes changed; by itself, the app does so twice a second. */
  readChanges(): Promise<void>;
  /** Made by this start, where there was none before. */
  firstOrganization: CreatedOrganization | null;
  /**
   * Says that it is not ready, and serves everything meanwhile, for `config.drainSeconds` or until
   * `hurried` is aborted, so that whoever sends requests here can turn elsewhere before `close`.
   */
  drain(hurried: AbortSignal): Promise<void>;
  /**
   * Finishes what is in flight, then stops everything that was started, within
   * `config.shutdownSeconds`, counted from `drain`.
   * @returns whether everything was finished; false where something was cut off at the deadline
   */
  close(): Promise<boolean>;
}

export interface AppOptions {
  config: Readonly<Config>;
  log: Log;
  clock?: () => number;
  /** Told of the first organization's key before it becomes valid. */
  keepFirstKey?: (created: CreatedOrganization) => Promise<void>;
  /** After how long a connection on which nothing moves is dropped, instead of 30 s. */
  stalledMs?: number;
  /** How often the price catalog is looked for that others imported, instead of every 2 s. */
  catalogLookMs?: number;
  /** How many lines of the log were lost, for `/metrics`. */
  droppedLogLines?: () => number;
  /** A migrated database, instead of the one that the configuration names. */
  connectionString?: string;
  /**
   * Aborted: the start is given up, and what it started is stopped. Has no effect once the app is
   * there.
   */
  signal?: AbortSignal;
}

/**
 * Builds everything once and joins the doors.
 * @throws AppError unavailable when the database cannot be had, or `signal` was aborted
 */
export async function createApp(options: AppOptions): Promise<App> {
  const { config, log, connectionString, signal } = options;
  const databaseServer = connectionString
    ? { connectionString, stop: async () => {} }
    : await openDatabaseServer(config.databaseUrl, config.dataDir, log, signal, config.databaseWaitSeconds * 1000);
  try {
    return await openDoors(options, databaseServer);
  } catch (error) {
    await databaseServer.stop(signal?.aborted ? ABORTED_STOP_MS : undefined);
    throw error;
  }
}

async function openDoors(options: AppOptions, databaseServer: DatabaseServer): Promise<App> {
  const { config, log, clock, signal, catalogLookMs } = options;
  const { connectionString, revive } = databaseServer;
  const guard = await openSchemaGuard();
  const own = { config, log, clock, signal, catalogLookMs };
  const resources = await openResources({ ...own, connectionString, revive, schemaGuard: guard });
  try {
    return await joinDoors(options, { databaseServer, resources, guard });
  } catch (error) {
    await resources.close();
    throw error;
  }
}

interface Parts {
  databaseServer: DatabaseServer;
  resources: OpenResources;
  guard: SchemaGuard;
}

async function joinDoors(options: AppOptions, { databaseServer, resources, guard }: Parts): Promise<App> {
  const { config, log, signal } = options;
  const { requests } = resources.metrics;
  resources.metrics.add({
    name: 'meterr_log_lines_dropped_total',
    help: 'Lines of the log that were lost because standard output was full or closed.',
    read: options.droppedLogLines ?? (() => 0),
  });
  const keep = options.keepFirstKey ?? (async () => {});
  const firstOrganization = await cancellingOnAbort(resources.database, signal, () =>
    createFirstOrganization(resources, keep),
  );
  const live = {
    keys: createKeyWatch(resources),
    fanOut: createFanOut(resources),
    documents: createKnownDocuments(),
  };
  const streams = createStreamDoor({ resources, ...live });
  const handleGraphQL = createGraphQLHandler(resources, streams);
  const handleRest = await createRestHandler(resources);
  const health = createHealthHandler(resources);
  const acceptPage = createAcceptPage(resources);
  const shutdown = createShutdown({ config, log, resources, databaseServer });
  const outdated = createOutdated({ log, resources, guard });

  function refuse(path: string, error: AppError, info: RequestInfo): Response {
    if (path !== GRAPHQL_PATH) return toResponse(answerFailure(error, resources, info.requestId));
    const { status, headers, body } = refuseRequest(error, resources, info);
    return new Response(body, { status, headers });
  }

  async function answer(request: Request, info: RequestInfo): Promise<Response> {
    const path = new URL(request.url).pathname;
    const refusal = guard.refusal();
    if (path.startsWith('/health/')) return health(request, info, refusal !== null || shutdown.hasBegun());
    if (refusal) return refuse(path, refusal, info);
    if (path === GRAPHQL_PATH) {
      info.route = GRAPHQL_PATH;
      return handleGraphQL(request, info);
    }
    if (path === ACCEPT_PATH) return acceptPage(request, info);
    return handleRest(request, info);
  }

  async function fetch(request: Request, address = 'local'): Promise<Response> {
    const startedMs = performance.now();
    const requestId = newUuid();
    const info: RequestInfo = { requestId, address };
    const isPreflight = request.method === 'OPTIONS' && request.headers.has('access-control-request-method');
    const response = isPreflight ? new Response(null, { status: 204 }) : await answer(request, info);
    const { status } = response;
    countAnswer(requests.meter(request.method, info.route ?? NO_ROUTE), status, startedMs);
    const common = addAnswerHeaders(
      {},
      { requestId, origin: request.headers.get('origin'), status },
      config.corsOrigins,
    );
    for (const [name, value] of Object.entries(common)) response.headers.set(name, value);
    return response;
  }

  return {
    fetch,
    readChanges: async () => void (await Promise.all([resources.changes.poll(), resources.catalog.poll()])),
    firstOrganization,
    async listen(port, host) {
      const addressOf = createCallerAddress(config.trustProxy);
      const listener = createListener({ resources, fetch, handleGraphQL, addressOf, isRefusing: outdated.isRefusing });
      const serverOptions: ServerOptions = {
        ...SERVER_OPTIONS,
        keepAliveTimeout: config.keepAliveSeconds * 1000,
        // Java's client and `curl --http2` offer h2c on each request, which is answered as HTTP/1.1.
        shouldUpgradeCallback: (incoming) => asksForWebSocket(incoming, GRAPHQL_PATH) && !outdated.isRefusing(),
      };
      const server = createServer(serverOptions, listener);
      dropStalled(server, options.stalledMs);
      answerNodeFailures(server, {
        isAnswering: shutdown.isAnswering,
        onAnswer: (status) => countAnswer(requests.meter('other', NO_ROUTE), status, performance.now()),
      });
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
      const door = openWebSocketDoor({ resources, server, addressOf, ...live });
      const closeLive = async () => {
        streams.close();
        await door.close();
      };
      shutdown.watch(server, closeLive);
      outdated.closeWith(closeLive);
      const address = server.address();
      const listensAt = typeof address === 'object' && address ? address.port : port;
      resources.publicUrl.setListening(host, listensAt);
      return { port: listensAt };
    },
    drain: shutdown.drain,
    close() {
      outdated.stopAsking();
      live.keys.close();
      streams.close();
      return shutdown.run();
    },
  };
}
