import type { TestApp } from '../../harness/app.ts';
import { type MadeOrganization, makeOrganization, makeUsage } from '../../harness/make.ts';

export interface Amounts {
  expected: string | null;
  lower: string | null;
  upper: string | null;
}

export interface Forecast {
  method: string;
  level: number;
  timezone: string;
  currency: string;
  exchange: { rate: string; date: string; source: string } | null;
  history_days: number;
  actual_to_date: string;
  forecast_total: Amounts;
  data: ({ date: string } & Amounts)[];
  accuracy: { method: string; mape: number | null; coverage: number | null; windows: number };
  budgets: {
    id: string;
    limit: string;
    expected_at_end: string | null;
    probability_exceeded: number | null;
    runs_out_on: string | null;
  }[];
}

export const DAY_MS = 24 * 3_600_000;
/** The tests' now is 2026-11-22T10:00:00Z. */
export const TODAY_MS = Date.parse('2026-11-22T00:00:00Z');

/** One event on each of the last days before today, at noon UTC. */
export function daily(count: number, cost: (day: number) => number | string, event: object = {}): object[] {
  return Array.from({ length: count }, (_, i) => ({
    timestamp: new Date(TODAY_MS - (count - i) * DAY_MS + DAY_MS / 2).toISOString(),
    cost: String(cost(i)),
    ...event,
  }));
}

type App = Pick<TestApp, 'ok' | 'sql'>;

/** Asks for a forecast as the owner, or with another key. */
export function askForecast(
  { ok }: App,
  organization: MadeOrganization,
  query = '',
  key = organization.key.secret,
): Promise<Forecast> {
  return ok<Forecast>('GET', `/v1/costs/forecast${query}`, { key });
}

/** An organization that has recorded these events. */
export async function makeForecastable(app: App, events: readonly object[]): Promise<MadeOrganization> {
  const organization = await makeOrganization(app);
  await makeUsage(app, organization.key.secret, events);
  return organization;
}
