import type { Log } from '../../platform/log.ts';
import type { Notices } from '../../platform/notices/notices.ts';
import type { TakeTold, Told } from './live-source.ts';
import { isSameSpend, type SpendTick } from './spend-tick.ts';

/** How often a ticker looks whether it is to sum again, and who is to be told. */
const LOOK_EVERY_MS = 250;
/** Where no notice comes, it is summed again after this time. */
const SUM_AGAIN_MS = 2_000;
/** Sums that run at a time, of all tickers of the process. */
const MAX_SUMS = 2;

export interface SpendQuestion {
  /** Equal for equal questions of callers who see the same. */
  key: string;
  organizationId: string;
  everyMs: number;
  sum(): Promise<SpendTick>;
}

/** Sums questions again while somebody waits for them, once for all who ask the same. */
export interface SpendTickers {
  /** The sums now. Their position is higher than that of all others, unless they tell the same as the last. */
  sum(question: SpendQuestion): Promise<Told<SpendTick>>;
  /**
   * Hands on the last sums again and again: who has their position already has been told.
   * @param first what the caller was told
   * @returns the end
   */
  attach(question: SpendQuestion, first: Told<SpendTick>, take: TakeTold<SpendTick>): () => void;
  close(): void;
}

interface Ticker {
  last: Told<SpendTick>;
  takers: Set<TakeTold<SpendTick>>;
  stop(): void;
}

export function createSpendTickers(notices: Notices, log: Log): SpendTickers {
  const tickers = new Map<string, Ticker>();
  const waiting: (() => void)[] = [];
  let newest = 0;
  let sums = 0;

  /** The rest waits here, so that questions of this kind never fill the database. */
  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    while (sums >= MAX_SUMS) await new Promise<void>((resolve) => waiting.push(resolve));
    sums++;
    try {
      return await work();
    } finally {
      sums--;
      waiting.shift()?.();
    }
  }

  async function sum(question: SpendQuestion): Promise<Told<SpendTick>> {
    const value = await inTurn(question.sum);
    const ticker = tickers.get(question.key);
    if (ticker && isSameSpend(ticker.last.value, value)) return ticker.last;
    const told = { position: ++newest, value };
    if (ticker) ticker.last = told;
    return told;
  }

  function start(question: SpendQuestion, last: Told<SpendTick>): Ticker {
    const { organizationId, everyMs } = question;
    let summedMs = performance.now();
    // Something may have come since the first sums.
    let isStale = true;
    let isLooking = false;
    const unfollow = notices.follow(organizationId, () => {
      isStale = true;
    });

    async function look(): Promise<void> {
      const nowMs = performance.now();
      if (nowMs - summedMs >= (isStale ? everyMs : Math.max(everyMs, SUM_AGAIN_MS))) {
        summedMs = nowMs;
        isStale = false;
        await sum(question);
      }
      await Promise.all([...ticker.takers].map((take) => take(ticker.last)));
    }

    const timer = setInterval(() => {
      if (isLooking) return;
      isLooking = true;
      look()
        .catch((error) => log.warn({ err: error }, 'what was spent could not be summed for subscribers'))
        .finally(() => {
          isLooking = false;
        });
    }, LOOK_EVERY_MS).unref();
    const ticker: Ticker = {
      last,
      takers: new Set(),
      stop() {
        clearInterval(timer);
        unfollow();
      },
    };
    return ticker;
  }

  return {
    sum,
    attach(question, first, take) {
      const { key } = question;
      const ticker = tickers.get(key) ?? start(question, first);
      tickers.set(key, ticker);
      ticker.takers.add(take);
      return () => {
        if (!ticker.takers.delete(take) || ticker.takers.size > 0) return;
        ticker.stop();
        if (tickers.get(key) === ticker) tickers.delete(key);
      };
    },
    close() {
      for (const ticker of tickers.values()) ticker.stop();
      tickers.clear();
    },
  };
}
