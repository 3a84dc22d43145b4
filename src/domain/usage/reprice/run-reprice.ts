import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseMoney } from '../../../platform/money.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import { addChange, type CostChanges, copyChanges, noChanges } from '../../jobs/cost-changes.ts';
import type { HeldJob } from '../../jobs/job-lease.ts';
import { beginStep, saveStep } from '../../jobs/save-step.ts';
import { loadCatalog, loadPriceBook } from '../../pricing/book/load-price-book.ts';
import type { PriceBook } from '../../pricing/book/match-price.ts';
import { ADJUSTED_AT_ONCE, type AdjustingResources, adjustLocked } from '../adjust/adjust-usage.ts';
import { priceAgain } from '../adjust/price-again.ts';
import { type WriteRows, withLocks } from '../write/write-locked.ts';
import { holdAgainstPrice } from './hold-against-price.ts';
import { createLedgerReader, type LedgerPage } from './read-ledger-pages.ts';

/** A page is read in milliseconds: whatever takes longer is given up and tried again. */
const PAGE_TIMEOUT_MS = 60_000;

/** A part of a page, done in one transaction. */
interface Step {
  /** Where the job is after it. */
  place: string;
  /** Events that keep their cost, as they were read. */
  kept: CostChanges;
  /** UUIDs of those that seem to cost something else: what they cost is decided under the lock. */
  ids: string[];
}

function cutPage(book: PriceBook, { events, place }: LedgerPage): Step[] {
  const steps: Step[] = [];
  let kept = noChanges();
  let ids: string[] = [];
  for (const event of events) {
    if (holdAgainstPrice(book, event) === null) addChange(kept, event, event.cost, null);
    else ids.push(event.id);
    if (ids.length < ADJUSTED_AT_ONCE) continue;
    steps.push({ place: event.id, kept, ids });
    kept = noChanges();
    ids = [];
  }
  steps.push({ place, kept, ids });
  return steps;
}

/**
 * Gives the events of a job the prices that hold at their own times now, by adjustments, from the job's
 * place on. Each step is a transaction with its adjustments, the sums of them, and the job's new place: so
 * it is there as a whole or not at all, wherever this is killed and whoever goes on. Steps that change
 * nothing take no lock of the organization.
 * @param signal aborted: the step under way is rolled back, and the call rejects with its reason
 * @throws JobLost where another process has the job
 */
export async function runReprice(resources: AdjustingResources, job: HeldJob, signal: AbortSignal): Promise<void> {
  const { database, budgets, clock, notices } = resources;
  const { organizationId, id: jobId } = job;
  const book = await loadPriceBook(database.pool, await loadCatalog(database.pool), [organizationId]);
  const reader = createLedgerReader(organizationId, job.input);
  const price = (event: Parameters<typeof priceAgain>[1]) => priceAgain(book, event);

  async function doStep({ place, kept, ids }: Step): Promise<void> {
    const nowMs = clock();

    async function change(sql: Sql, write: WriteRows | null): Promise<void> {
      if (!(await beginStep(sql, job, place))) return;
      const changes = copyChanges(kept);
      const asked = { organizationId, ids, reason: 'repriced', jobId, price } as const;
      for (const { event, after } of write === null ? [] : await adjustLocked(sql, write, asked, nowMs)) {
        const before = event.cost === null ? null : parseMoney(event.cost);
        addChange(changes, event, before, after?.cost ?? null);
      }
      await saveStep(sql, job, place, changes);
    }

    const settings = { database, budgets, atMs: nowMs, areNew: true, signal };
    await database.retryingLostConnections(() =>
      ids.length === 0
        ? database.transaction((sql) => change(sql, null), { signal })
        : withLocks(settings, [organizationId], change),
    );
    job.place = place;
    notices.wake(jobId);
    if (ids.length > 0) notices.wake(organizationId);
  }

  const limits = { signal, timeoutMs: PAGE_TIMEOUT_MS };
  for (;;) {
    const page = await database.retryingLostConnections(() =>
      database.snapshot((sql) => reader.readPage(sql, job.place), limits),
    );
    if (page === null) return;
    for (const step of cutPage(book, page)) if (step.place !== job.place) await doStep(step);
    await nextTurn();
  }
}
