import type { Context } from '../../domain/context.ts';
import type { CostPeriod } from '../../domain/costs/cost-period.ts';
import { exchangeMoney } from '../../domain/costs/exchange.ts';
import { type CostOwner, findCostsOf, type OwnerCosts } from '../../domain/costs/find-costs-of.ts';
import { addSaturating } from '../../domain/usage/sums/usage-sums.ts';
import { formatMoney, percentOf } from '../../platform/money.ts';
import { ApiKeyRef } from '../access/api-keys.ts';
import { MemberRef } from '../access/members.ts';
import { TeamRef } from '../access/teams.ts';
import { builder } from '../builder/builder.ts';
import { REQUESTS_DESCRIPTION, UNPRICED_REQUESTS_DESCRIPTION } from '../usage/usage-summary.ts';
import {
  CHANGE_PERCENT_DESCRIPTION,
  CURRENCY_ARGUMENT_DESCRIPTION,
  CURRENCY_DESCRIPTION,
  currencyOf,
  EXCHANGE_DESCRIPTION,
  ExchangeRef,
  PreviousRef,
  resolveTrend,
  TREND_ARGUMENTS,
  TREND_DESCRIPTION,
  TREND_TYPE,
} from './cost-fields.ts';
import { PeriodEnum } from './costs.ts';

const OwnerCostsRef = builder.objectRef<OwnerCosts>('OwnerCosts').implement({
  description: 'What a team, a member or an API key has cost in the current period so far.',
  fields: (t) => ({
    start: t.field({
      type: 'DateTime',
      description: 'Start of the period, included.',
      resolve: ({ read }) => new Date(read.current.startMs),
    }),
    end: t.field({
      type: 'DateTime',
      description: 'End of the period, excluded.',
      resolve: ({ read }) => new Date(read.current.endMs),
    }),
    timezone: t.string({
      description: 'IANA name of the time zone of the period.',
      resolve: ({ read }) => read.zone,
    }),
    currency: t.string({ description: CURRENCY_DESCRIPTION, resolve: ({ exchange }) => currencyOf(exchange) }),
    exchange: t.expose('exchange', { type: ExchangeRef, nullable: true, description: EXCHANGE_DESCRIPTION }),
    total: t.field({
      type: 'Decimal',
      description: 'The sum of all costs in `currency`.',
      resolve: ({ sums, exchange }) => formatMoney(exchangeMoney(sums.cost, exchange)),
    }),
    previous: t.field({
      type: PreviousRef,
      async resolve({ read, exchange, readPrevious }) {
        const { cost } = await readPrevious();
        return { ...read.previous, total: exchangeMoney(cost, exchange) };
      },
    }),
    changePercent: t.float({
      nullable: true,
      description: CHANGE_PERCENT_DESCRIPTION,
      async resolve({ sums, readPrevious }) {
        const { cost } = await readPrevious();
        const percent = percentOf(sums.cost - cost, cost);
        return percent === null ? null : Number(percent);
      },
    }),
    totalTokens: t.field({
      type: 'SafeInt',
      description: 'Input tokens plus output tokens.',
      resolve: ({ sums }) => addSaturating(sums.inputTokens, sums.outputTokens),
    }),
    requests: t.field({
      type: 'SafeInt',
      description: REQUESTS_DESCRIPTION,
      resolve: ({ sums }) => sums.requests,
    }),
    unpricedRequests: t.field({
      type: 'SafeInt',
      description: UNPRICED_REQUESTS_DESCRIPTION,
      resolve: ({ sums }) => sums.unpricedRequests,
    }),
    trend: t.field({
      type: TREND_TYPE,
      nullable: true,
      description: TREND_DESCRIPTION,
      args: TREND_ARGUMENTS,
      resolve: resolveTrend,
    }),
  }),
});

const PERIOD_ARGUMENTS = builder.args((t) => ({
  period: t.field({ type: PeriodEnum, description: 'Calendar period that contains now; default `MONTH`.' }),
  timezone: t.string({ description: 'IANA name of the time zone of the period; default UTC.' }),
  currency: t.string({ description: CURRENCY_ARGUMENT_DESCRIPTION }),
}));

interface PeriodArguments {
  period?: CostPeriod | null;
  timezone?: string | null;
  currency?: string | null;
}

const resolveCostsOf =
  (kind: CostOwner['kind']) =>
  ({ id }: { id: string }, args: PeriodArguments, context: Context): Promise<OwnerCosts> =>
    findCostsOf(context, { kind, id }, args);

const describe = (whose: string) =>
  `What usage ${whose} has cost in the current period so far. Costs of a whole page are read together. Requires the scope \`costs:read\`.`;

builder.objectField(TeamRef, 'costs', (t) =>
  t.field({
    type: OwnerCostsRef,
    nullable: true,
    description: describe('of the team'),
    args: PERIOD_ARGUMENTS,
    resolve: resolveCostsOf('team'),
  }),
);

builder.objectField(MemberRef, 'costs', (t) =>
  t.field({
    type: OwnerCostsRef,
    nullable: true,
    description: describe('that API keys of the member recorded'),
    args: PERIOD_ARGUMENTS,
    resolve: resolveCostsOf('member'),
  }),
);

builder.objectField(ApiKeyRef, 'costs', (t) =>
  t.field({
    type: OwnerCostsRef,
    nullable: true,
    description: describe('that the API key recorded'),
    args: PERIOD_ARGUMENTS,
    resolve: resolveCostsOf('api_key'),
  }),
);
