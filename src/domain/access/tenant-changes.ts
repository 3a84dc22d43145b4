import type { Log } from '../../platform/log.ts';
import { oneAtATime } from '../../platform/one-at-a-time.ts';
import type { Database } from '../../platform/postgres/database.ts';

/** How often the changes of other processes are read: what they changed is seen within a second. */
const POLL_EVERY_MS = 500;
/** Without an answer from the database for this long, nothing that is remembered is served. */
const STALE_AFTER_MS = 2_000;
/** A process that missed more changes than this forgets everything instead: a megabyte of ids. */
const MAX_MISSED = 10_000;
/** Organizations whose last change is remembered; beyond that, more is forgotten than must be. */
const MAX_CHANGED = 10_000;

/**
 * Says whether what this process remembers of an organization (its keys, teams, budgets and plan) is
 * still true. Whoever remembers something takes the moment before the read, and asks by it later.
 */
export interface TenantChanges {
  /** The present moment, as this process counts. It is taken before a read, never after it. */
  moment(): number;
  /** Whether what was read of the organization at `moment` may be used; false says only "ask". */
  isCurrent(organizationId: string, moment: number): boolean;
  /** Forgets an organization that this process has changed, once the change is committed. */
  forget(organizationId: string): void;
  /** Calls `listener` after each change that was seen, until the end. */
  onChange(listener: ChangeListener): () => void;
  /**
   * Reads now what other processes changed. What was committed before the call counts when it
   * resolves.
   * @throws the driver's error; the next poll that succeeds forgets everything that was remembered
   */
  poll(): Promise<void>;
  /** Stops reading. */
  close(): Promise<void>;
}

/**
 * @param organizationId null: any organization may have changed
 * @param isOwn whether this process made the change, so that others are to hear of it
 */
export type ChangeListener = (organizationId: string | null, isOwn: boolean) => void;

interface Change {
  organization_id: string;
  change_number: number;
}

/**
 * Follows the numbers that the database function `announce_change` draws. They become visible in
 * their order, so "above the highest that was seen" misses no change, however late it commits.
 * It has a connection of its own, because reads that take long must not delay it. The caller polls
 * once before it serves.
 */
export function followTenantChanges(database: Database, log: Log): TenantChanges {
  const session = database.openSession();
  const listeners = new Set<ChangeListener>();
  /** The moment of each organization's last change, the newest change last. */
  const changedAt = new Map<string, number>();
  let now = 1;
  let forgottenBefore = now;
  let freshUntilMs = 0;
  /** The highest number that was read; null: what happened meanwhile is unknown. */
  let seen: number | null = null;
  let timer: NodeJS.Timeout | undefined;
  let isFailing = false;
  let isClosed = false;

  function tell(organizationId: string | null, isOwn: boolean): void {
    for (const listener of listeners) listener(organizationId, isOwn);
  }

  function forget(organizationId: string): void {
    now++;
    changedAt.delete(organizationId);
    changedAt.set(organizationId, now);
    if (changedAt.size <= MAX_CHANGED) return;
    const [oldest] = changedAt;
    if (oldest === undefined) return;
    changedAt.delete(oldest[0]);
    forgottenBefore = oldest[1];
  }

  async function startAnew(): Promise<void> {
    const text = 'SELECT coalesce(max(change_number), 0) AS newest FROM organization_changes';
    const { rows } = await session.query<{ newest: number }>({ name: 'newest-change', text, values: [] });
    now++;
    forgottenBefore = now;
    changedAt.clear();
    seen = rows[0]?.newest ?? 0;
    tell(null, false);
  }

  async function readChanges(after: number): Promise<void> {
    const { rows } = await session.query<Change>({
      name: 'changes-after',
      text: `SELECT organization_id, change_number FROM organization_changes
              WHERE change_number > $1 ORDER BY change_number LIMIT ${MAX_MISSED + 1}`,
      values: [after],
    });
    if (rows.length > MAX_MISSED) return startAnew();
    for (const row of rows) forget(row.organization_id);
    seen = rows.at(-1)?.change_number ?? after;
    for (const row of rows) tell(row.organization_id, false);
  }

  async function read(): Promise<void> {
    const startMs = performance.now();
    const after = seen;
    // A database that was lost may come back as a copy that lacks the newest numbers, so a read that
    // fails leaves nothing to go on from.
    seen = null;
    if (after === null) await startAnew();
    else await readChanges(after);
    freshUntilMs = startMs + STALE_AFTER_MS;
    isFailing = false;
  }

  const reads = oneAtATime(read);

  async function pollAgain(): Promise<void> {
    try {
      await reads.run();
    } catch (error) {
      if (!isFailing && !isClosed) log.warn({ err: error }, 'changes of organizations could not be read');
      isFailing = true;
    }
    schedule();
  }

  function schedule(): void {
    if (!isClosed) timer = setTimeout(pollAgain, POLL_EVERY_MS).unref();
  }

  schedule();
  return {
    moment: () => now,
    isCurrent: (organizationId, moment) =>
      moment >= forgottenBefore && moment >= (changedAt.get(organizationId) ?? 0) && performance.now() < freshUntilMs,
    forget(organizationId) {
      forget(organizationId);
      tell(organizationId, true);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    poll: reads.run,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await reads.idle();
      session.close();
    },
  };
}
