import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '../../../platform/errors.ts';
import { isCancelled } from '../../../platform/postgres/pool/database-errors.ts';
import type { Context } from '../../context.ts';
import { addChange, type CostChanges, noChanges } from '../../jobs/cost-changes.ts';
import { MAX_GROUPS } from '../../jobs/find-jobs.ts';
import type { JobInput } from '../../jobs/job.ts';
import { loadCatalog, loadPriceBook } from '../../pricing/book/load-price-book.ts';
import { holdAgainstPrice } from './hold-against-price.ts';
import { createLedgerReader, type LedgerPage } from './read-ledger-pages.ts';
import { tooManyGroups } from './require-few-groups.ts';

/** How long a preview may take as a whole: proxies seldom wait longer for an answer. */
export const PREVIEW_SECONDS = 60;

function outOfTime(seconds: number, cause?: unknown): AppError {
  const text = `This preview was ended after ${seconds} s. Narrow it: a shorter range, or a provider, model or team. Without dry_run a job has no such limit.`;
  return new AppError('unavailable', text, { cause });
}

/**
 * What re-pricing would change, to the last digit; nothing is written. Each page of events is read at a
 * moment of its own, as exports are, and only sums are kept of it.
 * @throws AppError unavailable after {@link PREVIEW_SECONDS}, or where one page takes as long as a read may
 */
export async function previewReprice({ caller, resources }: Context, input: JobInput): Promise<CostChanges> {
  const { config, database } = resources;
  const startedMs = performance.now();
  const organizationId = caller.organization.id;
  const book = await loadPriceBook(database.pool, await loadCatalog(database.pool), [organizationId]);
  const reader = createLedgerReader(organizationId, input);
  const changes = noChanges();
  const limits = { timeoutMs: config.readTimeoutSeconds * 1_000 };

  async function readPage(after: string | null): Promise<LedgerPage | null> {
    try {
      return await database.snapshot((sql) => reader.readPage(sql, after), limits);
    } catch (error) {
      // A stopping server says so itself.
      if (error instanceof AppError || !isCancelled(error)) throw error;
      throw outOfTime(config.readTimeoutSeconds, error);
    }
  }

  let page = await readPage(null);
  while (page !== null) {
    for (const event of page.events) addChange(changes, event, event.cost, holdAgainstPrice(book, event));
    if (changes.groups.size > MAX_GROUPS) throw tooManyGroups();
    if (performance.now() - startedMs > PREVIEW_SECONDS * 1_000) throw outOfTime(PREVIEW_SECONDS);
    await nextTurn();
    page = await readPage(page.place);
  }
  return changes;
}
