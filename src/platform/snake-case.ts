const UPPER = /[A-Z]/g;

/** `cacheWrite1hTokens` -> `cache_write_1h_tokens`. */
export function snakeName(name: string): string {
  return name.replace(/([a-z])(\d)/g, '$1_$2').replace(UPPER, (letter) => `_${letter.toLowerCase()}`);
}

const isFree = (key: string) => key === 'tags' || key === 'metadata';

function snakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeKeys);
  return typeof value === 'object' && value !== null ? snakeRecord(value) : value;
}

/**
 * Plain data with all keys in snake_case, at every depth but in `tags` and `metadata`, which the
 * caller spelled.
 */
export function snakeRecord(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [snakeName(key), isFree(key) ? inner : snakeKeys(inner)]),
  );
}
