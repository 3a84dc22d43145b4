import { describe, expect, it } from 'vitest';
import { useTestApp } from '../../harness/app.ts';
import { type MadeOrganization, makeKey, makeOrganization, makeTeam, makeUsage } from '../../harness/make.ts';
import { makeBudget } from '../budget-answers.ts';
import {
  type Amounts,
  askForecast,
  DAY_MS,
  daily,
  type Forecast,
  makeForecastable,
  TODAY_MS,
} from './forecast-answers.ts';

const meterr = useTestApp({ env: { METERR_EXCHANGE_RATES: 'EUR:0.5@2026-11-21' } });

const forecast = (organization: MadeOrganization, query?: string, key?: string) =>
  askForecast(meterr(), organization, query, key);
const withUsage = (events: readonly object[]) => makeForecastable(meterr(), events);

describe('a forecast of costs', () => {
  it('goes from today to the end of the month, and its total is what was spent and these days', async () => {
    const organization = await withUsage([...daily(60, () => 10), { timestamp: '2026-11-22T09:00:00Z', cost: '77' }]);
    const answer = await forecast(organization);
    expect(answer).toMatchObject({
      method: 'ensemble',
      level: 0.9,
      timezone: 'UTC',
      currency: 'USD',
      exchange: null,
      history_days: 60,
      actual_to_date: '210',
      forecast_total: { expected: '300', lower: '300', upper: '300' },
      accuracy: { method: 'rolling-origin', mape: 0, coverage: 1 },
      budgets: [],
    });
    expect(answer.data.map(({ date }) => date)).toEqual(Array.from({ length: 9 }, (_, i) => `2026-11-${22 + i}`));
    for (const day of answer.data) expect(day).toMatchObject({ expected: '10', lower: '10', upper: '10' });
  });

  it('is the same in both doors', async () => {
    const organization = await withUsage(daily(40, (i) => 5 + (i % 7) + ((i * 7919) % 13) / 10));
    const rest = await forecast(organization, '?horizon_days=10&level=0.8&timezone=Asia/Kolkata');
    const query = `{ costForecast(horizonDays: 10, level: 0.8, timezone: "Asia/Kolkata") {
      method level historyDays actualToDate forecastTotal { expected lower upper } data { date expected lower upper }
      accuracy { method mape coverage windows } } }`;
    const { costForecast } = await meterr().data<{ costForecast: Record<string, unknown> }>(query, null, {
      key: organization.key.secret,
    });
    expect(costForecast).toEqual({
      method: 'ENSEMBLE',
      level: 0.8,
      historyDays: rest.history_days,
      actualToDate: rest.actual_to_date,
      forecastTotal: rest.forecast_total,
      data: rest.data,
      accuracy: rest.accuracy,
    });
    expect(rest.data).toHaveLength(10);
  });

  it('follows weekdays, and a weekday that is closed costs nothing', async () => {
    const weekday = (i: number) => new Date(TODAY_MS - (70 - i) * DAY_MS).getUTCDay();
    const events = daily(70, (i) => 20 + weekday(i)).filter((_, i) => weekday(i) % 6 !== 0);
    const { data } = await forecast(await withUsage(events), '?horizon_days=14');
    for (const { date, expected } of data) {
      const day = new Date(date).getUTCDay();
      if (day % 6 === 0) expect({ date, expected }).toEqual({ date, expected: '0' });
      else expect(Math.abs(Number(expected) - 20 - day)).toBeLessThan(1);
    }
  });

  it('under 14 days is the recent mean with a wide interval, and says so', async () => {
    const answer = await forecast(await withUsage(daily(13, (i) => 8 + (i % 3))));
    expect(answer).toMatchObject({ method: 'recent_mean', history_days: 13 });
    const { expected, lower, upper } = answer.data[0] as Amounts;
    expect(Number(expected)).toBeGreaterThan(8);
    expect(Number(expected)).toBeLessThan(10);
    expect(Number(upper) - Number(lower)).toBeGreaterThan(2);
  });

  it('of one day has an interval from 0 to a multiple of it', async () => {
    const { method, data, accuracy } = await forecast(await withUsage(daily(1, () => 4)));
    expect({ method, accuracy: accuracy.coverage }).toEqual({ method: 'recent_mean', accuracy: null });
    expect(data[0]).toMatchObject({ expected: '4', lower: '0' });
    expect(Number(data[0]?.upper)).toBeGreaterThan(12);
  });

  it('without a day of known cost is none, with nulls: nothing is invented', async () => {
    const organization = await withUsage([
      { timestamp: '2026-11-20T00:00:00Z', provider: 'nobody' },
      { timestamp: '2026-11-22T01:00:00Z', cost: '5' },
    ]);
    await makeBudget(meterr(), organization, {});
    const answer = await forecast(organization);
    expect(answer).toMatchObject({
      method: 'none',
      history_days: 0,
      actual_to_date: '0',
      forecast_total: { expected: null, lower: null, upper: null },
      accuracy: { mape: null, coverage: null, windows: 0 },
    });
    expect(answer.data).toHaveLength(9);
    expect(answer.data[0]).toEqual({ date: '2026-11-22', expected: null, lower: null, upper: null });
    expect(answer.budgets).toMatchObject([{ limit: '100', expected_at_end: null, probability_exceeded: null }]);
  });

  it('has wider intervals at a higher level', async () => {
    const organization = await withUsage(daily(50, (i) => 10 + ((i * 7919) % 11)));
    const [narrow, wide] = [await forecast(organization, '?level=0.5'), await forecast(organization, '?level=0.99')];
    const width = ({ forecast_total: { lower, upper } }: Forecast) => Number(upper) - Number(lower);
    expect(width(wide)).toBeGreaterThan(width(narrow));
    narrow.data.forEach(({ upper, expected }, i) => {
      expect(Number(wide.data[i]?.upper)).toBeGreaterThanOrEqual(Number(upper));
      expect(wide.data[i]?.expected).toBe(expected);
    });
  });

  it('is exchanged, each amount exactly', async () => {
    const organization = await withUsage(daily(30, () => 3));
    await makeBudget(meterr(), organization, { amount: '120' });
    expect(await forecast(organization, '?currency=EUR')).toMatchObject({
      currency: 'EUR',
      exchange: { rate: '0.5', date: '2026-11-21', source: 'configuration' },
      actual_to_date: '31.5',
      forecast_total: { expected: '45' },
      budgets: [{ limit: '60', expected_at_end: '45' }],
    });
  });
});

describe('the days of a forecast', () => {
  it('end before `until`, a date or a time, in the time zone', async () => {
    const organization = await withUsage(daily(20, () => 1));
    const datesOf = async (query: string) => (await forecast(organization, query)).data.map(({ date }) => date);
    expect(await datesOf('?until=2026-11-24')).toEqual(['2026-11-22', '2026-11-23']);
    expect(await datesOf('?until=2026-11-24T00:00:00Z')).toEqual(['2026-11-22', '2026-11-23']);
    expect(await datesOf('?until=2026-11-24T00:00:01Z')).toEqual(['2026-11-22', '2026-11-23', '2026-11-24']);
    expect(await datesOf('?until=2026-11-24&timezone=Pacific/Kiritimati')).toEqual(['2026-11-23']);
    expect((await datesOf('?horizon_days=365')).at(-1)).toBe('2027-11-21');
  });

  it('are those of the zone, also where clocks change', async () => {
    const zone = 'America/New_York';
    // 25 hours: the clocks went back on 1 November.
    const events = [
      ...daily(40, () => 0, { timestamp: '2026-10-31T12:00:00Z' }).slice(0, 1),
      { timestamp: '2026-11-01T03:59:59.999Z', cost: '1' },
      { timestamp: '2026-11-01T04:00:00Z', cost: '10' },
      { timestamp: '2026-11-02T04:59:59.999Z', cost: '10' },
      { timestamp: '2026-11-02T05:00:00Z', cost: '100' },
      { timestamp: '2026-11-22T04:59:59.999Z', cost: '1000' },
      { timestamp: '2026-11-22T05:00:00Z', cost: '10000' },
    ];
    const answer = await forecast(await withUsage(events), `?timezone=${zone}`);
    expect(answer).toMatchObject({ history_days: 22, actual_to_date: '1120' });
    expect(answer.data.map(({ date }) => date)[0]).toBe('2026-11-22');
    expect(answer.data).toHaveLength(9);
  });

  it.each([
    ['until=2026-11-22', 'until'],
    ['until=2026-11-21', 'until'],
    ['until=2027-11-23', 'until'],
    ['until=2026-11-31', 'until'],
    ['until=tomorrow', 'until'],
    ['horizon_days=0', 'horizon_days'],
    ['horizon_days=366', 'horizon_days'],
    ['level=0.49', 'level'],
    ['level=0.991', 'level'],
    ['level=high', 'level'],
    ['timezone=Mars/Olympus', 'timezone'],
    ['currency=GBP', 'currency'],
    ['currency=eur', 'currency'],
    ['provider=%20', 'provider'],
    ['team_id=team_01h455vb4pex5vsknk084sn02q', 'team_id'],
    ['period=month', 'period'],
  ])('and other parameters are refused by name: %s', async (query, path) => {
    const { status, error } = await meterr().rest('GET', `/v1/costs/forecast?${query}`);
    expect({ status, code: error?.code, path: error?.details.fields?.[0]?.path }).toEqual({
      status: 400,
      code: 'invalid_request',
      path,
    });
  });

  it('have one end: until and horizon_days together are refused, both by name', async () => {
    const { error } = await meterr().rest('GET', '/v1/costs/forecast?until=2026-12-01&horizon_days=3');
    expect(error?.details.fields?.map(({ path }) => path)).toEqual(['until', 'horizon_days']);
    const { error: other } = await meterr().gql('{ costForecast(until: "2026-12-01", horizonDays: 3) { method } }');
    expect(other?.details.fields?.map(({ path }) => path)).toEqual(['until', 'horizonDays']);
    const { error: far } = await meterr().gql('{ costForecast(horizonDays: 366) { method } }');
    expect(far?.details.fields?.map(({ path }) => path)).toEqual(['horizonDays']);
  });
});

it('an operation has at most two forecasts, as each may have 20 budgets', async () => {
  const ask = (count: number) => {
    const fields = Array.from({ length: count }, (_, i) => `f${i}: costForecast { method }`);
    return meterr().gql(`{ ${fields.join(' ')} }`);
  };
  expect((await ask(2)).errors).toBe(undefined);
  expect((await ask(3)).error?.code).toBe('invalid_request');
});

describe('what is forecast', () => {
  it('is what the filter lets through, and for a key of a team, the team', async () => {
    const organization = await makeOrganization(meterr());
    const team = await makeTeam(meterr(), organization);
    const { key } = organization;
    await makeUsage(meterr(), key.secret, [
      ...daily(30, () => 1, { user_id: 'u-1', tags: { env: 'prod' } }),
      ...daily(30, () => 10, { provider: 'anthropic', model: 'claude-x' }),
      ...daily(30, () => 100, { team_id: team.id }),
    ]);
    const day = async (query: string, secret = key.secret) =>
      (await forecast(organization, query, secret)).data[0]?.expected;
    expect(await day('')).toBe('111');
    expect(await day('?provider=Anthropic')).toBe('10');
    expect(await day('?user_id=u-1')).toBe('1');
    expect(await day('?tag[env]=prod')).toBe('1');
    expect(await day('?tag[env]=prod&timezone=Asia/Kolkata')).toBe('1');
    expect(await day(`?team_id=${team.id}`)).toBe('100');
    const bound = await makeKey(meterr(), organization, { scopes: ['costs:read'], team });
    expect(await day('', bound.secret)).toBe('100');
  });

  it('of user or tag in another zone begins where retention has left the events', async () => {
    const organization = await withUsage(daily(30, () => 2, { user_id: 'u-1' }));
    await meterr().sql.query(`UPDATE organizations SET retired_before = '2026-11-02T10:00:00Z' WHERE id = $1`, [
      organization.uuid,
    ]);
    const days = async (zone: string) => (await forecast(organization, `?user_id=u-1&timezone=${zone}`)).history_days;
    expect(await days('UTC')).toBe(30);
    expect(await days('Asia/Kolkata')).toBe(19);
  });
});

it('while a forecast is made, other requests are answered', async () => {
  const { ok } = meterr();
  const { secret: key } = (await withUsage(daily(182, (i) => 10 + ((i * 7919) % 101)))).key;
  let isDone = false;
  const made = ok('GET', '/v1/costs/forecast', { key }).finally(() => {
    isDone = true;
  });
  let answered = 0;
  while (!isDone) {
    const before = performance.now();
    await ok('GET', '/v1/me', { key });
    expect(performance.now() - before).toBeLessThan(1_000);
    answered++;
  }
  await made;
  expect(answered).toBeGreaterThan(1);
});
