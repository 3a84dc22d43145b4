import type pg from 'pg';
import { uuidFloor } from '../../src/platform/ids.ts';
import { parseMoney } from '../../src/platform/money.ts';
import type { ClickHouse } from '../harness/clickhouse.ts';
import type { HttpCaller } from '../harness/http-caller.ts';

const DAY_MS = 86_400_000;
const COUNTS = [
  'requests',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
] as const;
const SUMS = [...COUNTS, 'cost'].map((column) => `sum(e.${column})`).join(', ');

/** One question that several stores are asked: sums of one tenant's 30 days. */
export interface UsageQuestion {
  what: string;
  organizationId: string;
  startMs: number;
  zone: string;
  interval: 'day' | 'none';
  groupBy: 'model' | 'user';
}

export interface Asked {
  ms: number;
  /** The answer in one form for all stores: a line for each interval and group, sorted. */
  lines: string[];
}

/** Asks once. */
export type Ask = (question: UsageQuestion) => Promise<Asked>;

function toLine(time: unknown, group: unknown, counts: unknown[], cost: unknown): string {
  return [Number(time), group, ...counts.map(Number), parseMoney(String(cost))].join('\t');
}

function endOf({ startMs }: UsageQuestion): number {
  return startMs + 30 * DAY_MS;
}

interface Summary {
  data: (Record<string, unknown> & { start: string; group: Record<string, string> })[];
}

/** Our route, over HTTP. */
export function meterrAsk(caller: HttpCaller): Ask {
  return async (question) => {
    const { startMs, zone, interval, groupBy } = question;
    const span = `start=${new Date(startMs).toISOString()}&end=${new Date(endOf(question)).toISOString()}`;
    const path = `/v1/usage?${span}&timezone=${zone}&interval=${interval}&group_by=${groupBy}&limit=1000`;
    const { body, ms } = await caller.call('GET', path);
    const line = (row: Summary['data'][number]) => {
      const counts = COUNTS.map((name) => row[name]);
      return toLine(interval === 'day' ? Date.parse(row.start) : 0, row.group[groupBy], counts, row.cost);
    };
    return { ms, lines: (JSON.parse(body) as Summary).data.map(line).sort() };
  };
}

/** What one writes who has the ledger only: an index range of time, and a sum. */
export function ledgerAsk(pool: pg.Pool): Ask {
  return async (question) => {
    const { organizationId, startMs, zone, interval, groupBy } = question;
    const time = interval === 'day' ? `date_trunc('day', e.time, '${zone}')` : `'epoch'::timestamptz`;
    const text = `
      SELECT ${time}, ${groupBy === 'model' ? 's.model' : 'e.user_id'}, ${SUMS}
        FROM usage_events e JOIN usage_series s ON s.organization_id = e.organization_id AND s.id = e.series_id
       WHERE e.organization_id = $1 AND e.id >= $2 AND e.id < $3 GROUP BY 1, 2`;
    const values = [organizationId, uuidFloor(startMs), uuidFloor(endOf(question))];
    const beganMs = performance.now();
    const { rows } = await pool.query<unknown[]>({ text, values, rowMode: 'array' });
    const ms = performance.now() - beganMs;
    const line = ([at, group, ...sums]: unknown[]) => toLine(at, group, sums.slice(0, -1), sums.at(-1));
    return { ms, lines: rows.map(line).sort() };
  };
}

export function clickHouseAsk(clickhouse: ClickHouse): Ask {
  return async (question) => {
    const { organizationId, startMs, zone, interval, groupBy } = question;
    const time = interval === 'day' ? `toUnixTimestamp(toStartOfDay(time, '${zone}')) * 1000` : '0';
    const sums = [...COUNTS.slice(1), 'cost'].map((column) => `sum(${column})`).join(', ');
    const bound = (timeMs: number) => `fromUnixTimestamp64Milli(${timeMs}, 'UTC')`;
    const { answer, ms } = await clickhouse.ask(
      `SELECT ${time} AS at, ${groupBy === 'model' ? 'model' : 'user_id'} AS name, count(), ${sums} FROM usage
        WHERE organization = '${organizationId}' AND time >= ${bound(startMs)} AND time < ${bound(endOf(question))}
        GROUP BY at, name`,
    );
    const line = (text: string) => {
      const [at, group, ...values] = text.split('\t');
      return toLine(at, group, values.slice(0, -1), values.at(-1));
    };
    return { ms, lines: answer.trimEnd().split('\n').map(line).sort() };
  };
}
