/** Random model names must not fill the memory, so a full cache is emptied. */
const MAX_NAMES = 8_192;

/** Two levels of maps, so that a look-up allocates no string. */
export interface NameCache<T> {
  byProvider: Map<string, Map<string, T>>;
  size: number;
}

export function createNameCache<T>(): NameCache<T> {
  return { byProvider: new Map(), size: 0 };
}

/** Returns the cached value, or the value of `find`, which is then cached. */
export function findCached<T>(cache: NameCache<T>, provider: string, model: string, find: () => T): T {
  const cached = cache.byProvider.get(provider)?.get(model);
  if (cached !== undefined) return cached;
  if (cache.size >= MAX_NAMES) {
    cache.byProvider.clear();
    cache.size = 0;
  }
  const found = find();
  const models = cache.byProvider.get(provider) ?? new Map<string, T>();
  cache.byProvider.set(provider, models.set(model, found));
  cache.size++;
  return found;
}
