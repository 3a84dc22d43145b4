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

/** One question, which three stores are asked: sums of one tenant's 30 days. */
export interface UsageQuestion {
  what: string;
  organizationId: string;
  startMs: number;
  zone: string;
  interval: 'day' | 'none';
  groupBy: 'model' | 'user';
}

/** How an answer was come by, and the answer in one form for all: a line for each interval and group, sorted. */
export interface Asked {
  lines: string[];
  latenciesMs: number[];
}

function toLine(time: unknown, group: unknown, counts: unknown[], cost: unknown): string {
  return [Number(time), group, ...counts.map(Number), parseMoney(String(cost))].join('\t');
}

function endOf({ startMs }: UsageQuestion): number {
  return startMs + 30 * DAY_MS;
}

interface Summary {
  data: (Record<string, unknown> & { start: string; group: Record<string, string> })[];
}

export async function askMeterr(caller: HttpCaller, question: UsageQuestion, times: number): Promise<Asked> {
  const { startMs, zone, interval, groupBy } = question;
  const span = `start=${new Date(startMs).toISOString()}&end=${new Date(endOf(question)).toISOString()}`;
  const path = `/v1/usage?${span}&timezone=${zone}&interval=${interval}&group_by=${groupBy}&limit=1000`;
  const latenciesMs: number[] = [];
  let body = '';
  for (let i = 0; i < times; i++) {
    const answer = await caller.call('GET', path);
    latenciesMs.push(answer.ms);
    body = answer.body;
  }
  const { data } = JSON.parse(body) as Summary;
  const line = (row: Summary['data'][number]) => {
    const counts = COUNTS.map((name) => row[name]);
    return toLine(interval === 'day' ? Date.parse(row.start) : 0, row.group[groupBy], counts, row.cost);
  };
  return { lines: data.map(line).sort(), latenciesMs };
}

/** What one writes who has the ledger only: an index range of time, and a sum. */
export async function askLedger(pool: pg.Pool, question: UsageQuestion, times: number): Promise<Asked> {
  const { organizationId, startMs, zone, interval, groupBy } = question;
  const time = interval === 'day' ? `date_trunc('day', e.time, '${zone}')` : `'epoch'::timestamptz`;
  const text = `
    SELECT ${time}, ${groupBy === 'model' ? 's.model' : 'e.user_id'}, ${SUMS}
      FROM usage_events e JOIN usage_series s ON s.organization_id = e.organization_id AND s.id = e.series_id
     WHERE e.organization_id = $1 AND e.id >= $2 AND e.id < $3 GROUP BY 1, 2`;
  const values = [organizationId, uuidFloor(startMs), uuidFloor(endOf(question))];
  const latenciesMs: number[] = [];
  let rows: unknown[][] = [];
  for (let i = 0; i < times; i++) {
    const beganMs = performance.now();
    ({ rows } = await pool.query<unknown[]>({ text, values, rowMode: 'array' }));
    latenciesMs.push(performance.now() - beganMs);
  }
  const line = ([at, group, ...sums]: unknown[]) => toLine(at, group, sums.slice(0, -1), sums.at(-1));
  return { lines: rows.map(line).sort(), latenciesMs };
}

export async function askClickHouse(clickhouse: ClickHouse, question: UsageQuestion, times: number): Promise<Asked> {
  const { organizationId, startMs, zone, interval, groupBy } = question;
  const time = interval === 'day' ? `toUnixTimestamp(toStartOfDay(time, '${zone}')) * 1000` : '0';
  const sums = [...COUNTS.slice(1), 'cost'].map((column) => `sum(${column})`).join(', ');
  const bound = (timeMs: number) => `fromUnixTimestamp64Milli(${timeMs}, 'UTC')`;
  const { answer, latenciesMs } = await clickhouse.ask(
    `SELECT ${time} AS at, ${groupBy === 'model' ? 'model' : 'user_id'} AS name, count(), ${sums} FROM usage
      WHERE organization = '${organizationId}' AND time >= ${bound(startMs)} AND time < ${bound(endOf(question))}
      GROUP BY at, name ORDER BY at, name`,
    times,
  );
  const line = (text: string) => {
    const [at, group, ...values] = text.split('\t');
    return toLine(at, group, values.slice(0, -1), values.at(-1));
  };
  return { lines: answer.trimEnd().split('\n').map(line).sort(), latenciesMs };
}
