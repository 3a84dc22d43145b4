import type { Log } from '../../../platform/log.ts';
import type { Database } from '../../../platform/postgres/database.ts';
import { loadCatalog, loadPriceBook, readCatalogVersion, replaceCatalog } from '../book/load-price-book.ts';
import type { PriceBook } from '../book/price-book.ts';

/** How often a process asks whether another one has imported a newer catalog. */
const LOOK_EVERY_MS = 2_000;

/** The prices of this process, which follow the catalog in force. */
export interface FollowedCatalog {
  /** One object for the life of the process; its content changes. */
  book: PriceBook;
  /** When the catalog in the book was imported, in epoch milliseconds. */
  importedAtMs(): number;
  /** Takes over now what was imported before the call. @throws the driver's error */
  poll(): Promise<void>;
  /** Stops following. */
  close(): Promise<void>;
}

/** Loads the catalog in force, and follows what this process and others import. */
export async function followCatalog(
  database: Database,
  log: Log,
  lookEveryMs = LOOK_EVERY_MS,
): Promise<FollowedCatalog> {
  const { pool } = database;
  let current = await loadCatalog(pool);
  const book = await loadPriceBook(pool, current);
  let running: Promise<void> | null = null;
  let isFailing = false;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  async function look(): Promise<void> {
    if ((await readCatalogVersion(pool)) === current.version) return;
    current = await loadCatalog(pool);
    replaceCatalog(book, current);
    log.info({ version: current.version, prices: current.prices.length }, 'a newer price catalog is in use');
  }

  async function poll(): Promise<void> {
    // A look under way may have begun before what the caller knows of.
    while (running) await running.catch(() => {});
    running = look().finally(() => {
      running = null;
    });
    return running;
  }

  async function lookAgain(): Promise<void> {
    try {
      await poll();
      isFailing = false;
    } catch (error) {
      if (!isFailing && !isClosed) log.warn({ err: error }, 'the price catalog could not be looked at');
      isFailing = true;
    }
    schedule();
  }

  function schedule(): void {
    if (!isClosed) timer = setTimeout(lookAgain, lookEveryMs).unref();
  }

  schedule();
  return {
    book,
    importedAtMs: () => current.importedAtMs,
    poll,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await running?.catch(() => {});
    },
  };
}
