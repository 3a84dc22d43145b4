import { type AppError, invalidField } from '../../../platform/errors.ts';
import { DAY_MS } from '../../../platform/time.ts';
import type { Context } from '../../context.ts';
import { MAX_GROUPS } from '../../jobs/find-jobs.ts';
import type { JobInput } from '../../jobs/job.ts';
import { type UsageFilter, whereUsage } from '../event/usage-filter.ts';
import { readWithin } from '../sums/read-within.ts';

const TOO_MANY = `gives more than ${MAX_GROUPS} rows by provider, model and day: take a shorter range, or name a provider or model`;

/** The refusal of a question whose answer would have more than {@link MAX_GROUPS} rows. */
export function tooManyGroups(): AppError {
  return invalidField('end', TOO_MANY);
}

/**
 * Requires that an answer has few rows, by the sums of whole UTC days: so it is refused before anything
 * is priced.
 * @param filter the same as the input's
 * @throws AppError invalid_request, unavailable
 */
export async function requireFewGroups(context: Context, { startMs, endMs }: JobInput, filter: UsageFilter) {
  const { conditions, values } = whereUsage(context.caller, filter);
  const firstDay = new Date(Math.floor(startMs / DAY_MS) * DAY_MS);
  const place = values.push(firstDay, new Date(endMs));
  const { groups } = await readWithin(context, async (sql) => {
    await sql.query('SET LOCAL enable_nestloop = off');
    const { rows } = await sql.query<{ groups: number }>(
      `SELECT count(*)::int AS groups FROM (
         SELECT DISTINCT e.bucket, s.provider, s.model FROM usage_days e
           JOIN usage_series s ON s.organization_id = e.organization_id AND s.id = e.series_id
          WHERE ${conditions.join(' AND ')} AND e.bucket >= $${place - 1} AND e.bucket < $${place}
          LIMIT ${MAX_GROUPS + 1}) g`,
      values,
    );
    return rows[0] ?? { groups: 0 };
  });
  if (groups > MAX_GROUPS) throw tooManyGroups();
}
