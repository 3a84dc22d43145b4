import { type Command, InvalidArgumentError, Option } from 'commander';
import { usageFailure } from '../session/failure.ts';
import { commaList, limitOption, PERIODS, wholeNumber, withExamples } from '../session/options.ts';
import { call, type Session, showList, showThing } from '../session/session.ts';
import { type Column, formatTime } from '../session/text.ts';

interface Budget {
  id: string;
  name: string;
  limit: string | number;
  tokens: number | null;
  spent: string | number;
  held: string | number;
  percent: number | null;
  period: string;
  action: string;
  period_end: string | null;
  scope: Record<string, unknown> | null;
}

const unitOf = ({ tokens }: Budget) => (tokens === null ? 'USD' : 'tokens');

function scopeOf({ scope }: Budget): string {
  const given = Object.entries(scope ?? {}).filter(([, value]) => value !== null && value !== undefined);
  const texts = given.map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`);
  return texts.filter((text) => !text.endsWith('={}')).join(' ') || 'everything';
}

const COLUMNS: readonly Column<Budget>[] = [
  ['id', ({ id }) => id],
  ['name', ({ name }) => name],
  ['limit', (budget) => `${budget.limit} ${unitOf(budget)}`],
  ['spent', ({ spent }) => spent],
  ['held', ({ held }) => held],
  ['percent', ({ percent }) => percent],
  ['period', ({ period }) => period],
  ['until', (budget) => formatTime(budget.period_end)],
  ['action', ({ action }) => action],
  ['scope', scopeOf],
];

const MAX_TOKENS = Number.MAX_SAFE_INTEGER;

function percents(text: string): number[] {
  return commaList(text).map((one) => {
    if (/^\d+$/.test(one)) return Number(one);
    throw new InvalidArgumentError('It must be whole percents, separated by commas.');
  });
}

interface CreateOptions {
  amount?: string;
  tokens?: number;
  period: string;
  timezone?: string;
  team?: string;
  user?: string;
  provider?: string;
  model?: string;
  per?: string;
  thresholds?: number[];
  block?: boolean;
}

function bodyOf(name: string, options: CreateOptions): object {
  const { amount, tokens, period, timezone, team, user, provider, model, per, thresholds, block } = options;
  if (amount === undefined && tokens === undefined) throw usageFailure('A budget needs --amount or --tokens.');
  const scope = { team_id: team, user_id: user, provider, model };
  const isLimited = Object.values(scope).some((value) => value !== undefined);
  const action = block ? 'block' : undefined;
  return { name, amount, tokens, period, timezone, per, thresholds, action, ...(isLimited ? { scope } : {}) };
}

/** `budget`: what may be spent. */
export function addBudgetCommands(program: Command, open: (command: Command) => Session): void {
  const budget = program.command('budget').description('budgets; reading needs budgets:read, making budgets:write');

  withExamples(
    budget
      .command('create')
      .description('make a budget of USD or tokens, for all usage or a part of it')
      .argument('<name>', 'its name')
      .option('--amount <usd>', 'its limit in USD: 100.00')
      .addOption(
        new Option('--tokens <count>', 'its limit in tokens').argParser(wholeNumber(1, MAX_TOKENS)).conflicts('amount'),
      )
      .addOption(new Option('--period <period>', 'when it begins anew').choices(PERIODS).default('month'))
      .option('--timezone <zone>', 'where its periods begin: Asia/Kolkata (default UTC)')
      .option('--team <id>', 'count one team only: team_...')
      .option('--user <id>', 'count one user only')
      .option('--provider <name>', 'count one provider only')
      .option('--model <name>', 'count one model only')
      .option('--per <what>', 'count each on its own: team, user, api_key, tag:KEY')
      .addOption(new Option('--thresholds <percents>', 'when to raise an event: 50,80,100').argParser(percents))
      .option('--block', 'refuse holds beyond the limit; without it, events only')
      .action(async (name: string, options: CreateOptions, command: Command) => {
        const session = open(command);
        const request = { method: 'POST', path: '/v1/budgets', body: bodyOf(name, options) } as const;
        showThing(session, COLUMNS, (await call<Budget>(session, 'organization', request)).body);
      }),
    'budget create Everything --amount 100 --period month',
    'budget create Research --amount 20 --team team_01h455vb4pex5vsknk084sn02q --block',
  );

  withExamples(
    budget
      .command('list')
      .description('the budgets, and what was spent of them')
      .addOption(limitOption())
      .action(async ({ limit }: { limit: number }, command: Command) => {
        const list = { path: '/v1/budgets', limit, columns: COLUMNS, none: 'There are no budgets.' };
        await showList<Budget>(open(command), 'organization', list);
      }),
    'budget list',
  );
}
