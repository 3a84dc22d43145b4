import type { TimeSpan } from '../../../platform/calendar.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import { DAY_MS, QUARTER_HOUR_MS } from '../../../platform/time.ts';

/** From when on an organization has all its single events, in epoch milliseconds; 0: always. */
export async function findKeptFrom(sql: Sql, organizationId: string): Promise<number> {
  const { rows } = await sql.query<{ retired_before: Date | null }>(
    'SELECT retired_before FROM organizations WHERE id = $1',
    [organizationId],
  );
  return rows[0]?.retired_before?.getTime() ?? 0;
}

/**
 * Cuts a span to the whole quarter hours (by user or tag: the whole UTC days) that sums are kept of,
 * at an end where single events were removed.
 * @returns a span within the given one, perhaps empty
 */
export function cutToKept(span: TimeSpan, keptFromMs: number, byAttribution: boolean): TimeSpan {
  const stepMs = byAttribution ? DAY_MS : QUARTER_HOUR_MS;
  const startMs = span.startMs < keptFromMs ? Math.ceil(span.startMs / stepMs) * stepMs : span.startMs;
  const floorMs = Math.floor(span.endMs / stepMs) * stepMs;
  return { startMs, endMs: Math.max(startMs, floorMs < keptFromMs ? floorMs : span.endMs) };
}
