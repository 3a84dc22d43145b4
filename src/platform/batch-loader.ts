import DataLoader from 'dataloader';

/**
 * Loads values by key: keys that are asked for at about the same time go to the database together.
 */
export interface BatchLoader<Key, Value> {
  load(key: Key): Promise<Value>;
}

/** One statement asks for at most this many keys: its parameters stay within a few hundred KB. */
const MAX_KEYS = 1_000;

/**
 * Every call reads anew: nothing is remembered here. Keys of all requests that arrived in one turn
 * of the event loop are asked for in one call, so that thousands of tenants that a process has not
 * met cost a few statements, and a lone one waits for nothing.
 * @param loadAll values in the order of the keys; a rejection is that of every key of the call
 */
export function createBatchLoader<Key, Value>(
  loadAll: (keys: readonly Key[]) => Promise<readonly Value[]>,
): BatchLoader<Key, Value> {
  return new DataLoader<Key, Value>(loadAll, {
    cache: false,
    maxBatchSize: MAX_KEYS,
    batchScheduleFn: (send) => setImmediate(send),
  });
}
