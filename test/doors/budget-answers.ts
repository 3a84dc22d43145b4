import type { ListAnswer } from '../harness/answers.ts';
import type { Calls, Failure } from '../harness/calls.ts';
import type { MadeOrganization } from '../harness/make.ts';

/** Money as text, tokens as a number. */
export type Amount = string | number;

export interface BudgetAnswer {
  id: string;
  amount: string | null;
  tokens: number | null;
  limit: Amount;
  spent: Amount;
  held: Amount;
  remaining: Amount;
  percent: number;
  matched_events: number;
  updated_at: string;
  period_start: string;
  period_end: string;
  subject: string | null;
  subjects: { subject: string | null; spent: Amount; held: Amount; remaining: Amount; matched_events: number }[];
}

export interface EventData {
  budget_id: string;
  team_id: string | null;
  unit: string;
  limit: Amount;
  current: Amount;
  period_start: string;
  period_end: string;
  subject: string | null;
  crossing: number;
  threshold?: number;
}

export interface EventAnswer<Data = EventData> {
  id: string;
  event: string;
  created_at: string;
  data: Data;
}

export interface HoldAnswer {
  id: string;
  status: string;
  amount: string | null;
  tokens: number;
  expires_at: string;
  budgets: { id: string; limit: Amount; spent: Amount; held: Amount; remaining: Amount }[];
  credits: { available: string } | null;
}

/** A budget and a hold in REST's spelling. */
export const BUDGET = { name: 'Production', amount: '100.00', period: 'month' } as const;
export const HOLD = { provider: 'openai', model: 'gpt-4o', input_tokens: 1000, max_output_tokens: 500 } as const;
export const UNPRICED = { ...HOLD, provider: 'nobody', model: 'unheard-of' };

/** Makes a budget: {@link BUDGET} with what is given. */
export function makeBudget(
  { ok }: Pick<Calls, 'ok'>,
  { key }: Pick<MadeOrganization, 'key'>,
  body: object,
): Promise<BudgetAnswer> {
  return ok<BudgetAnswer>('POST', '/v1/budgets', { key: key.secret, body: { ...BUDGET, ...body } });
}

/** What a refusal is, and the fields that it names. */
export function pathsOf(error: Failure | undefined) {
  return { code: error?.code, paths: error?.details.fields?.map(({ path }) => path) };
}

const PAGE = 100;

/** All of a list, page by page, in its order. */
export async function readAll<T>({ ok }: Pick<Calls, 'ok'>, path: string, key: string): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const from: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: ListAnswer<T> = await ok('GET', `${path}?limit=${PAGE}${from}`, { key });
    items.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return items;
}

/** What was raised, oldest first. */
export async function readEvents<Data = EventData>(
  calls: Pick<Calls, 'ok'>,
  key: string,
): Promise<EventAnswer<Data>[]> {
  return (await readAll<EventAnswer<Data>>(calls, '/v1/events', key)).reverse();
}

/** `80`, `100`, `exceeded`, `recovered`: what an event of a budget says, in a word. */
export function wordOf({ event, data }: EventAnswer): string {
  if (event === 'budget.threshold_reached') return String(data.threshold);
  return event.slice(event.indexOf('.') + 1);
}
