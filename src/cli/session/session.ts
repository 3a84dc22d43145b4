import { type Answer, type Call, callApi } from './client.ts';
import { usageFailure } from './failure.ts';
import type { Settings } from './settings.ts';
import { type Column, formatTable, formatThing } from './text.ts';

/** Whose key a call carries. */
export type As = 'organization' | 'operator';

/** What a command works with: the API, and where its answer goes. */
export interface Session {
  settings: Settings;
  isJson: boolean;
  write(text: string): void;
  /** Notes for whoever watches, apart from the answer. */
  note(text: string): void;
  /** Aborted at the first SIGINT or SIGTERM. Until it is asked for, they end the process. */
  interrupted(): AbortSignal;
}

export interface Page<Row> {
  data: Row[];
  has_more: boolean;
  next_cursor: string | null;
}

/** The API gives at most this many rows at a time. */
export const PAGE_ROWS = 100;

/** @throws CliFailure, exit code 2, where no key was given */
export function requireKey({ settings }: Session, as: As): string {
  const { apiKey, operatorKey } = settings;
  const key = as === 'operator' ? operatorKey : apiKey;
  if (key !== null) return key;
  throw usageFailure(
    as === 'operator'
      ? 'This command needs the operator key: set METERR_OPERATOR_KEY (the value that the server was started with) or --operator-key.'
      : 'This command needs an API key: set METERR_API_KEY or --key. On the machine of a server that was started with "npm start", its first key is found in the data folder.',
  );
}

/** Calls the API with a key. @throws CliFailure */
export function call<Body>(session: Session, as: As, request: Omit<Call, 'key'>): Promise<Answer<Body>> {
  return callApi<Body>(session.settings.url, { ...request, key: requireKey(session, as) });
}

/** Shows one thing: a line for each column, or the API's own JSON. */
export function showThing<Row extends object>(session: Session, columns: readonly Column<Row>[], row: Row): void {
  session.write(session.isJson ? JSON.stringify(row, null, 2) : formatThing(columns, row));
}

/** Reads a list up to `limit` rows, in as many pages as that takes, and shows it. */
export async function showList<Row extends object>(
  session: Session,
  as: As,
  { path, limit, columns, none }: { path: string; limit: number; columns: readonly Column<Row>[]; none: string },
): Promise<void> {
  const rows: Row[] = [];
  let cursor: string | null = null;
  let hasMore = true;
  while (hasMore && rows.length < limit) {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE_ROWS, limit - rows.length)) });
    if (cursor !== null) query.set('cursor', cursor);
    const { body } = await call<Page<Row>>(session, as, { path: `${path}?${query}` });
    rows.push(...body.data);
    cursor = body.next_cursor;
    hasMore = body.has_more && cursor !== null;
  }
  if (session.isJson) return session.write(JSON.stringify({ data: rows, has_more: hasMore }, null, 2));
  session.write(rows.length === 0 ? none : formatTable(columns, rows));
  if (hasMore) session.note(`These are the newest ${rows.length}. Ask for more with --limit.`);
}

/** One part of a path that the user gave. */
export function inPath(id: string): string {
  return encodeURIComponent(id);
}
