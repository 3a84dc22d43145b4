/** Random model names must not fill the memory, so a full cache is emptied. */
const MAX_NAMES = 8_192;

/** Two levels of maps, so that a look-up allocates no string. */
export interface NameCache<T> {
  byProvider: Map<string, Map<string, T>>;
  size: number;
  readonly maxNames: number;
}

export function createNameCache<T>(maxNames: number = MAX_NAMES): NameCache<T> {
  return { byProvider: new Map(), size: 0, maxNames };
}

/** What was kept for the names, if it still is. */
export function findCached<T>(cache: NameCache<T>, provider: string, model: string): T | undefined {
  return cache.byProvider.get(provider)?.get(model);
}

/** Keeps a value for the names, which are not in the cache, and returns it. */
export function keepCached<T>(cache: NameCache<T>, provider: string, model: string, found: T): T {
  if (cache.size >= cache.maxNames) {
    cache.byProvider.clear();
    cache.size = 0;
  }
  const models = cache.byProvider.get(provider) ?? new Map<string, T>();
  cache.byProvider.set(provider, models.set(model, found));
  cache.size++;
  return found;
}
