import type { BudgetAnswer, HoldAnswer } from '../doors/budget-answers.ts';
import type { Calls, RestAnswer } from '../harness/calls.ts';
import { attoOf, decimalOf } from '../harness/ledger.ts';
import { OPERATOR_KEY } from '../harness/operator-key.ts';
import {
  type Attributes,
  availableOf,
  type Budget,
  countersOf,
  countOpenHolds,
  endRaises,
  grant,
  type Hold,
  standingOf,
  switchCredits,
  tellCurrent,
  turnOver,
  type Usage,
  type World,
  type Write,
  wire,
  write,
} from './budgets-oracle.ts';
import { expireGrants } from './credits-oracle.ts';

// Requests, and what the oracle answers to each in a world: as a plain value, like that of the
// server.

type Answer = RestAnswer<Record<string, unknown>>;

/** Usage that shares a transaction with what else its server writes at that moment. */
export interface WriteCommand {
  kind: 'write';
  send(calls: Calls): Promise<Answer>;
  /** What is new of it, with `pending` before it in its transaction; and the answer. */
  plan(world: World, pending: readonly Write[], answer: Answer): { writes: Write[]; expected: unknown };
  view(answer: Answer): unknown;
}

/** What is a transaction of its own. Changes the world, and answers. */
export interface SingleCommand {
  kind: 'single';
  send(calls: Calls): Promise<Answer>;
  run(world: World, answer: Answer): unknown;
  view(answer: Answer): unknown;
}

export type Command = WriteCommand | SingleCommand;

const statusOf = ({ status }: Answer) => ({ status });

/** Of a refusal its code and numbers. */
function refusalOf({ status, error }: Answer) {
  if (error?.code === 'invalid_request') return { status, fields: error.details.fields?.map(({ path }) => path) };
  return error ? { status, code: error.code, ...error.details } : { status };
}

export interface SentUsage extends Attributes {
  eventId: string;
  timeMs: number;
  input: number;
  output: number;
  /** As it is sent; null: the server prices it. */
  cost: string | null;
  /** What that comes to. */
  price: bigint | null;
  holdId: string | null;
}

function bodyOf(usage: SentUsage, more: object = {}) {
  return {
    id: usage.eventId,
    provider: usage.provider,
    model: usage.model,
    team_id: usage.team,
    user_id: usage.user,
    tags: usage.tags,
    timestamp: new Date(usage.timeMs).toISOString(),
    input_tokens: usage.input,
    output_tokens: usage.output,
    ...(usage.cost === null ? {} : { cost: usage.cost }),
    ...(usage.holdId === null ? {} : { hold_id: usage.holdId }),
    ...more,
  };
}

function usageOf({ input, output, cost: _, price, holdId, ...sent }: SentUsage, id: string): Write {
  const usage: Usage = { ...sent, id, cost: price, tokens: BigInt(input + output), sign: 1n, voids: null };
  return { usage, holdId };
}

const isKnown = (world: World, pending: readonly Write[], eventId: string) =>
  [...world.usage, ...pending.map(({ usage }) => usage)].some((one) => one.eventId === eventId);

const costOf = (price: bigint | null) => (price === null ? null : decimalOf(price));

export function record(sent: SentUsage, key: string): WriteCommand {
  return {
    kind: 'write',
    send: (calls) => calls.rest('POST', '/v1/usage', { key, body: bodyOf(sent) }),
    plan(world, pending, answer) {
      if (isKnown(world, pending, sent.eventId))
        return { writes: [], expected: { status: 200, cost: costOf(sent.price) } };
      const expected = { status: 201, cost: costOf(sent.price) };
      return { writes: [usageOf(sent, String(answer.body.id))], expected };
    },
    view: (answer) => ({ status: answer.status, cost: answer.body.cost }),
  };
}

export function recordBatch(events: readonly SentUsage[], key: string): WriteCommand {
  const body = { events: events.map((sent) => bodyOf(sent)) };
  return {
    kind: 'write',
    send: (calls) => calls.rest('POST', '/v1/usage', { key, body }),
    plan(world, pending, answer) {
      const writes: Write[] = [];
      const items = answer.body.data as { id: string }[];
      const expected = events.map((sent, i) => {
        if (isKnown(world, [...pending, ...writes], sent.eventId)) return 'duplicate';
        writes.push(usageOf(sent, items[i]?.id ?? ''));
        return 'created';
      });
      return { writes, expected };
    },
    view: ({ body }) => (body.data as { status: string }[] | undefined)?.map(({ status }) => status),
  };
}

export function voidUsage(usageId: string, key: string): WriteCommand {
  return {
    kind: 'write',
    send: (calls) => calls.rest('POST', `/v1/usage/${usageId}/void`, { key, body: { reason: 'a test' } }),
    plan(world, pending, answer) {
      const eventId = `void:${usageId}`;
      const voided = world.usage.find(({ id }) => id === usageId);
      if (!voided || isKnown(world, pending, eventId)) return { writes: [], expected: { status: 200 } };
      const usage: Usage = { ...voided, id: String(answer.body.id), eventId, sign: -1n, voids: usageId };
      return { writes: [{ usage, holdId: null }], expected: { status: 201 } };
    },
    view: statusOf,
  };
}

/** Refused where credits do not cover it: then nothing of it is there. */
export function recordRequiring(sent: SentUsage, key: string): SingleCommand {
  return {
    kind: 'single',
    send: (calls) => calls.rest('POST', '/v1/usage', { key, body: bodyOf(sent, { require_credits: true }) }),
    run(world, answer) {
      const isRepeat = isKnown(world, [], sent.eventId);
      const hold = world.holds.find(({ id }) => id === sent.holdId);
      if (world.credits.isPrepaid && !isRepeat) {
        const after: World = structuredClone({ ...world, holds: world.holds.filter((one) => one !== hold) });
        expireGrants(after.credits, after.nowMs);
        if (sent.price === null) return { status: 400, fields: ['cost'] };
        const [required, available] = [sent.price, availableOf(after)];
        if (required > 0n && required > available) {
          const amounts = { required: decimalOf(required), available: decimalOf(available) };
          return { status: 402, code: 'insufficient_credits', ...amounts };
        }
      }
      write(world, isRepeat ? [] : [usageOf(sent, String(answer.body.id))]);
      return { status: isRepeat ? 200 : 201 };
    },
    view: refusalOf,
  };
}

export interface SentHold extends Attributes {
  input: number;
  output: number;
  amount: string | null;
  /** What it reserves; null: unknown. */
  price: bigint | null;
  seconds: number;
}

const TOKENS_PER_UNIT = 10n ** 18n;
const comparable = ({ unit }: Budget, value: bigint) => (unit === 'usd' ? value : value * TOKENS_PER_UNIT);

export function hold(sent: SentHold, key: string): SingleCommand {
  const body = {
    provider: sent.provider,
    model: sent.model,
    team_id: sent.team,
    user_id: sent.user,
    tags: sent.tags,
    input_tokens: sent.input,
    max_output_tokens: sent.output,
    expires_in: sent.seconds,
    ...(sent.amount === null ? {} : { amount: sent.amount }),
  };
  const wantedOf = ({ unit }: Budget) => (unit === 'usd' ? sent.price : BigInt(sent.input + sent.output));
  const unknownCost = { status: 400, fields: ['amount'] };

  function standings(world: World) {
    const all = countersOf(world, sent, world.nowMs).map((counter) => ({ ...counter, ...standingOf(world, counter) }));
    return all.sort((a, b) => {
      const difference = comparable(a.budget, a.remaining) - comparable(b.budget, b.remaining);
      return difference === 0n ? (a.budget.id < b.budget.id ? -1 : 1) : difference < 0n ? -1 : 1;
    });
  }

  function refuse(world: World): object | null {
    for (const { budget, limit, spent, held } of standings(world)) {
      const wanted = wantedOf(budget);
      if (!budget.isBlocking || wanted === 0n || (wanted !== null && spent + held + wanted <= limit)) continue;
      if (wanted === null) return unknownCost;
      const numbers = {
        limit: wire(budget, limit),
        current: wire(budget, spent + held),
        requested: wire(budget, wanted),
      };
      return { status: 402, code: 'budget_exceeded', budget_id: budget.id, ...numbers };
    }
    if (!world.credits.isPrepaid) return null;
    if (sent.price === null) return unknownCost;
    turnOver(world);
    const available = availableOf(world);
    if (sent.price === 0n || sent.price <= available) return null;
    const amounts = { required: decimalOf(sent.price), available: decimalOf(available) };
    return { status: 402, code: 'insufficient_credits', ...amounts };
  }

  return {
    kind: 'single',
    send: (calls) => calls.rest('POST', '/v1/usage/holds', { key, body }),
    run(world, answer) {
      const refusal = refuse(world);
      if (refusal) return refusal;
      const made: Hold = {
        id: String(answer.body.id),
        status: 'active',
        createdMs: world.nowMs,
        expiresMs: world.nowMs + sent.seconds * 1000,
        of: sent,
        wanted: { usd: sent.price, tokens: BigInt(sent.input + sent.output) },
        credits: world.credits.isPrepaid ? (sent.price ?? 0n) : 0n,
        reservations: countersOf(world, sent, world.nowMs).map(({ budget, subject, span }) => ({
          budgetId: budget.id,
          subject,
          startMs: span.startMs,
          amount: wantedOf(budget) ?? 0n,
        })),
      };
      world.holds.push(made);
      const budgets = standings(world).map(({ budget, limit, spent, held, remaining }) => ({
        id: budget.id,
        limit: wire(budget, limit),
        spent: wire(budget, spent),
        held: wire(budget, held),
        remaining: wire(budget, remaining),
      }));
      const credits = world.credits.isPrepaid ? { available: decimalOf(availableOf(world)) } : null;
      return { status: 201, amount: costOf(sent.price), budgets, credits };
    },
    view(answer) {
      if (answer.status !== 201) return refusalOf(answer);
      const { amount, budgets, credits } = answer.body as unknown as HoldAnswer;
      return { status: 201, amount, budgets, credits };
    },
  };
}

export function release(holdId: string, key: string): SingleCommand {
  return {
    kind: 'single',
    send: (calls) => calls.rest('DELETE', `/v1/usage/holds/${holdId}`, { key }),
    run(world) {
      const known = world.holds.find(({ id }) => id === holdId);
      if (!known) return { status: 404 };
      if (known.status === 'settled') return { status: 409 };
      if (known.status === 'active' && known.expiresMs > world.nowMs) known.status = 'released';
      return { status: 200, became: known.status === 'released' ? 'released' : 'expired' };
    },
    view: ({ status, body }) => (status === 200 ? { status, became: body.status } : { status }),
  };
}

export function createBudget(body: object, made: Omit<Budget, 'id'>, key: string): SingleCommand {
  return {
    kind: 'single',
    send: (calls) => calls.rest('POST', '/v1/budgets', { key, body: { name: 'A test', ...body } }),
    run(world, answer) {
      const budget = { ...made, id: String((answer.body as unknown as BudgetAnswer).id) };
      endRaises(world);
      world.budgets.push(budget);
      countOpenHolds(world, budget);
      tellCurrent(world, budget);
      return { status: 201 };
    },
    view: statusOf,
  };
}

export function changeBudget(id: string, body: object, change: Partial<Budget>, key: string): SingleCommand {
  return {
    kind: 'single',
    send: (calls) => calls.rest('PATCH', `/v1/budgets/${id}`, { key, body }),
    run(world) {
      const budget = world.budgets.find((one) => one.id === id);
      if (!budget) return { status: 404 };
      endRaises(world);
      Object.assign(budget, change);
      tellCurrent(world, budget);
      return { status: 200 };
    },
    view: statusOf,
  };
}

export function deleteBudget(id: string, key: string): SingleCommand {
  return {
    kind: 'single',
    send: (calls) => calls.rest('DELETE', `/v1/budgets/${id}`, { key }),
    run(world) {
      const index = world.budgets.findIndex((one) => one.id === id);
      if (index < 0) return { status: 404 };
      endRaises(world);
      world.budgets.splice(index, 1);
      return { status: 200 };
    },
    view: statusOf,
  };
}

export function setCredits(organizationId: string, isPrepaid: boolean): SingleCommand {
  const body = { credits: isPrepaid ? 'prepaid' : 'none' };
  return {
    kind: 'single',
    send: (calls) => calls.rest('PATCH', `/v1/organizations/${organizationId}`, { key: OPERATOR_KEY, body }),
    run(world) {
      switchCredits(world, isPrepaid);
      return { status: 200 };
    },
    view: statusOf,
  };
}

export function grantCredits(amount: string, expiresMs: number, priority: number, key: string): SingleCommand {
  const expires_at = expiresMs === Number.POSITIVE_INFINITY ? null : new Date(expiresMs).toISOString();
  return {
    kind: 'single',
    send: (calls) => calls.rest('POST', '/v1/credits/grants', { key, body: { amount, expires_at, priority } }),
    run(world) {
      grant(world, attoOf(amount), expiresMs, priority);
      return { status: 201 };
    },
    view: statusOf,
  };
}
