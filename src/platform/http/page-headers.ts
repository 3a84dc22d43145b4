/** What a page may load, beside what no page of ours may. */
export interface PagePolicy {
  /** Values of `script-src`: `'self'`, or hashes of the page's own scripts. */
  scripts: readonly string[];
  /** Whether it runs workers that it makes itself. */
  workers?: boolean;
  /** Hashes of the page's only styles; without them, styles may be inline. */
  styles?: readonly string[];
  /** Whether it has a form that it sends to this server. */
  hasForm?: boolean;
}

/**
 * The headers of an HTML page: it loads nothing from elsewhere, nobody frames it, and its address
 * is told to nobody. Styles may be inline by default, since both user interfaces make their own.
 */
export function pageHeaders({ scripts, workers = false, styles, hasForm = false }: PagePolicy): Record<string, string> {
  const policy = [
    "default-src 'none'",
    `script-src ${scripts.length > 0 ? scripts.join(' ') : "'none'"}`,
    `style-src ${styles ? styles.join(' ') : "'self' 'unsafe-inline'"}`,
    "img-src 'self' data:",
    "font-src 'self' data:",
    "connect-src 'self'",
    ...(workers ? ['worker-src blob:'] : []),
    "base-uri 'none'",
    `form-action ${hasForm ? "'self'" : "'none'"}`,
    "frame-ancestors 'none'",
  ];
  return {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': policy.join('; '),
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
  };
}
