import { attoOf, decimalOf, LATER_PRICES, type LedgerEvent, priceOf } from '../harness/ledger.ts';
import { type Attempt, type Body, type KeyName, NOW_MS } from './usage-model.ts';

/** An event that the model holds to be stored. */
export interface StoredEvent extends LedgerEvent {
  usageId: string;
  eventId: string;
  /** The usage id of the event that this one reverses. */
  voids: string | null;
  /** The cost that it was recorded with; other than `cost` where it was priced later. */
  original: bigint | null;
  /** What identifies the body, with the team that is charged. */
  fingerprint: string;
}

/** What became of one attempt, however it was sent. */
export interface Outcome {
  status: 'created' | 'duplicate' | 'conflict' | 'invalid';
  usageId: string | null;
  cost: string | null;
}

/** One attempt and its answer; `request` numbers the request, in which attempts are in order. */
export interface Answered {
  request: number;
  attempt: Attempt;
  body: Body;
  key: KeyName;
  outcome: Outcome;
}

const BOUND_TEAM = 'b';

function check(isSo: boolean, what: string, seen: unknown): asserts isSo {
  if (!isSo) throw new Error(`${what}: ${JSON.stringify(seen)}`);
}

/**
 * The ledger as it must be: told what was answered, it says whether any order of events can have
 * led there.
 */
export class ModelLedger {
  readonly events = new Map<string, StoredEvent>();
  /** Whether what has no cost may get one in this step. */
  #isPricing = false;

  /**
   * Checks a step: all its attempts went out at the same time.
   * @param isPricing what has no cost was priced in the same step, sooner or later
   */
  addStep(answers: readonly Answered[], isPricing: boolean): void {
    this.#isPricing = isPricing;
    for (const [id, list] of Map.groupBy(answers, ({ attempt }) => attempt.id)) this.#addAttempts(`e-${id}`, list);
  }

  #addAttempts(eventId: string, answers: readonly Answered[]): void {
    const good: Answered[] = [];
    for (const answer of answers) {
      const isInvalid = answer.outcome.status === 'invalid';
      check(isInvalid === isRefused(answer), 'refused or not, wrongly', answer);
      if (!isInvalid) good.push(answer);
    }
    const created = good.filter(({ outcome }) => outcome.status === 'created');
    if (!this.events.has(eventId) && good.length > 0) {
      const [winner] = created;
      check(created.length === 1 && winner !== undefined, 'a new id must be created once', good);
      const earlier = good.slice(0, good.indexOf(winner)).filter(({ request }) => request === winner.request);
      check(earlier.length === 0, 'the first of a batch must win', good);
      this.#store(eventId, winner);
    } else check(created.length === 0, 'a known id must not be created again', good);

    const stored = this.events.get(eventId);
    for (const { body, key, outcome } of good) {
      check(stored !== undefined && outcome.usageId === stored.usageId, 'answers the first id', { outcome, stored });
      const isSame = fingerprintOf(body, key) === stored.fingerprint;
      if (outcome.status !== 'created')
        check(outcome.status === (isSame ? 'duplicate' : 'conflict'), 'duplicate or conflict', { outcome, isSame });
      const cost = outcome.status === 'conflict' || stored.cost === null ? null : decimalOf(stored.cost);
      const later = stored.cost === null && this.#isPricing ? laterCostOf(stored) : null;
      const mayBe = [cost, outcome.status === 'conflict' || later === null ? cost : decimalOf(later)];
      check(mayBe.includes(outcome.cost), 'answers the cost', { outcome, mayBe });
    }
  }

  #store(eventId: string, { body, key, outcome }: Answered): void {
    const { provider, model, userId, tags } = body;
    const cost = body.cost !== null ? attoOf(body.cost) : priceOf(model, body);
    this.events.set(eventId, {
      usageId: outcome.usageId ?? '',
      eventId,
      timeMs: body.timestamp === null ? NOW_MS : Date.parse(body.timestamp),
      provider,
      model,
      teamId: teamOf(body, key),
      keyId: key,
      userId,
      tags,
      counts: body,
      cost,
      original: cost,
      sign: 1,
      voids: null,
      fingerprint: fingerprintOf(body, key),
    });
  }

  /**
   * Checks answers to voids that went out at the same time: one took the event back, the others say
   * so.
   */
  addVoids(eventId: string, answers: readonly { key: KeyName; status: number; usageId: string | null }[]): void {
    const event = this.events.get(eventId);
    check(event !== undefined, 'only stored events are voided', eventId);
    const [hidden, seen] = partition(answers, ({ key }) => key === 'bound' && event.teamId !== BOUND_TEAM);
    check(
      hidden.every(({ status }) => status === 404),
      'not for this key',
      hidden,
    );
    if (seen.length === 0) return;
    const name = `void:${event.usageId}`;
    const made = seen.filter(({ status }) => status === 201);
    check(made.length === (this.events.has(name) ? 0 : 1), 'taken back once', answers);
    check(
      seen.every(({ status }) => status === 200 || status === 201),
      'voiding is answered',
      answers,
    );
    if (made[0]) {
      const usageId = made[0].usageId ?? '';
      const original = event.cost;
      const reverse = { sign: -1 as const, voids: event.usageId, fingerprint: '', original };
      this.events.set(name, { ...event, usageId, eventId: name, ...reverse });
    }
    const reverse = this.events.get(name);
    check(
      seen.every(({ usageId }) => usageId === reverse?.usageId),
      'the same reverse',
      answers,
    );
  }

  /**
   * After a step that priced what had no cost: what was there before it and is not voided has its price
   * now. Of what was recorded or voided in the step itself `isPriced` says which came first; where it is
   * priced, its reverse took back that cost.
   * @param before the event ids before the step
   */
  addPricing(before: ReadonlySet<string>, isPriced: (usageId: string) => boolean): void {
    for (const event of this.list()) {
      const price = laterCostOf(event);
      if (event.cost !== null || event.voids !== null || price === null) continue;
      const name = `void:${event.usageId}`;
      const mustBe = before.has(event.eventId) && !this.events.has(name);
      const mustNotBe = before.has(name);
      const isSo = isPriced(event.usageId);
      check(isSo ? !mustNotBe : !mustBe, 'priced later or not, wrongly', { event: event.eventId, isSo });
      if (!isSo) continue;
      event.cost = price;
      const reverse = this.events.get(name);
      if (reverse) Object.assign(reverse, { cost: price, original: price });
    }
  }

  list(): StoredEvent[] {
    return [...this.events.values()];
  }
}

/** What an event without a cost costs once its price is known. */
function laterCostOf({ model, counts }: StoredEvent): bigint | null {
  return priceOf(model, counts, LATER_PRICES);
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

function isRefused({ body, key }: Answered): boolean {
  const isMoreThanWhole = body.cacheRead + body.cacheWrite > body.input || body.reasoning > body.output;
  return isMoreThanWhole || (key === 'bound' && body.team === 'a');
}

function teamOf({ team }: Body, key: KeyName): string | null {
  return key === 'bound' ? BOUND_TEAM : team;
}

function fingerprintOf(body: Body, key: KeyName): string {
  // One moment is the same however it is written.
  const timestamp = body.timestamp && new Date(body.timestamp).toISOString();
  return JSON.stringify({ ...body, timestamp, team: teamOf(body, key) });
}
