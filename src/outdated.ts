import type { OpenResources } from './domain/open-resources.ts';
import type { Log } from './platform/log.ts';
import type { SchemaGuard } from './platform/postgres/migrate/schema-guard.ts';

/** For a database that another tool migrates; our own start ends the sessions of older processes. */
const ASK_EVERY_MS = 2_000;

/** The end of serving, once a newer version has migrated the database. */
export interface Outdated {
  isRefusing(): boolean;
  /** Called where subscriptions are to end. */
  closeWith(closeLive: () => Promise<void>): void;
  stopAsking(): void;
}

export interface OutdatedParts {
  log: Log;
  resources: OpenResources;
  guard: SchemaGuard;
}

/**
 * Watches for a newer migration. Then one line of the log says so, jobs and subscriptions end, and
 * every request but those for health is refused: whoever runs the process replaces it.
 */
export function createOutdated({ log, resources, guard }: OutdatedParts): Outdated {
  const closers: (() => Promise<void>)[] = [];
  let isTold = false;

  function end(migration: string): void {
    if (isTold) return;
    isTold = true;
    clearInterval(asking);
    log.error(
      { migration },
      'a newer Meterr has migrated the database: every request is refused, replace this process',
    );
    // What they were doing ends with its connection.
    for (const close of [resources.stopUpkeep, ...closers]) void close().catch(() => {});
  }

  const ask = () => void guard.ask(resources.database.pool).catch(() => {});
  const asking = setInterval(ask, ASK_EVERY_MS).unref();
  guard.onOutdated(end);
  return {
    isRefusing: () => guard.refusal() !== null,
    closeWith: (closeLive) => void closers.push(closeLive),
    stopAsking: () => clearInterval(asking),
  };
}
