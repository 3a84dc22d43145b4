import { MAX_HORIZON_DAYS } from '../../domain/forecast/read-forecast-days.ts';
import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

const getCostForecast = route({
  method: 'get',
  path: '/v1/costs/forecast',
  operationId: 'getCostForecast',
  summary: 'What this month will cost, or the days to another end',
  tag: 'Costs',
  scope: 'costs:read',
  operation: operation(
    graphql(`
      query CostForecast(
        $until: String, $horizonDays: Int, $level: Decimal, $timezone: String, $filter: UsageFilter, $currency: String
      ) {
        costForecast(
          until: $until, horizonDays: $horizonDays, level: $level, timezone: $timezone, filter: $filter, currency: $currency
        ) {
          method level timezone currency exchange { rate date source } historyDays actualToDate
          forecastTotal { expected lower upper } data { date expected lower upper }
          accuracy { method mape coverage windows }
          budgets { id limit expectedAtEnd probabilityExceeded runsOutOn }
        }
      }
    `),
  ),
  maxLimit: MAX_HORIZON_DAYS,
  success: [{ status: 200, description: 'The forecast.' }],
  errors: [400],
});

export const costForecastRoutes = [getCostForecast];
