/** Random model names must not fill the memory: a full cache starts again. */
const MAX_NAMES = 8_192;

/**
 * Answers by provider and model as they were spelled; two levels, so that a look-up makes no new
 * text.
 */
export interface NameCache<T> {
  byProvider: Map<string, Map<string, T>>;
  size: number;
}

export function createNameCache<T>(): NameCache<T> {
  return { byProvider: new Map(), size: 0 };
}

/** The remembered answer, else the answer of `find`, remembered. */
export function findCached<T>(cache: NameCache<T>, provider: string, model: string, find: () => T): T {
  const known = cache.byProvider.get(provider)?.get(model);
  if (known !== undefined) return known;
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
