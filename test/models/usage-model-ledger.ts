import { attoOf, decimalOf, LATER_PRICES, type LedgerEvent, priceOf } from '../harness/ledger.ts';
import { type Attempt, type Body, type KeyName, NOW_MS, responseIdOf } from './usage-model.ts';

/** An event that the model holds to be stored. */
export interface StoredEvent extends LedgerEvent {
  usageId: string;
  eventId: string;
  responseId: string | null;
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

/** A void that took an event back. */
export interface Voided {
  eventId: string;
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
  /** The events that have a response id: a void frees it. */
  readonly responses = new Map<string, StoredEvent>();
  /** Whether what has no cost may get one in this step. */
  #isPricing = false;

  /**
   * Checks a step: all its attempts and voids went out at the same time. Event ids that share a
   * response id are looked at together.
   * @param isPricing what has no cost was priced in the same step, sooner or later
   */
  addStep(answers: readonly Answered[], voids: readonly Voided[], isPricing: boolean): void {
    this.#isPricing = isPricing;
    const groupOf = (id: number) => responseIdOf(id) ?? `e-${id}`;
    const voidsBy = Map.groupBy(voids, ({ eventId }) => groupOf(Number(eventId.slice('e-'.length))));
    const groups = Map.groupBy(answers, ({ attempt }) => groupOf(attempt.id));
    for (const name of new Set([...groups.keys(), ...voidsBy.keys()])) {
      const good = (groups.get(name) ?? []).filter((answer) => {
        const isInvalid = answer.outcome.status === 'invalid';
        check(isInvalid === isRefused(answer), 'refused or not, wrongly', answer);
        return !isInvalid;
      });
      const lines = [...Map.groupBy(good, ({ request }) => request).values()];
      const all = [...lines, ...(voidsBy.get(name) ?? []).map((one) => [one])];
      check(this.#canFollow(all), 'no order of these leads to their answers', good);
    }
  }

  /**
   * Whether what was answered is what follows in some order, each line in its own: then it is taken
   * over. What changes nothing may come as soon as it is right; of the others every one is tried.
   */
  #canFollow(lines: readonly (readonly (Answered | Voided)[])[]): boolean {
    const left = lines.filter((line) => line.length > 0);
    if (left.length === 0) return true;
    const without = (line: readonly unknown[]) => left.map((one) => (one === line ? one.slice(1) : one));
    for (const line of left) {
      const [next] = line;
      if (next && 'outcome' in next && next.outcome.status !== 'created' && this.#isRight(next)) {
        return this.#canFollow(without(line));
      }
    }
    for (const line of left) {
      const [next] = line;
      const undo = next === undefined ? null : 'outcome' in next ? this.#create(next) : this.#free(next);
      if (undo === null) continue;
      if (this.#canFollow(without(line))) return true;
      undo();
    }
    return false;
  }

  /** Whether a duplicate or a conflict is what the ledger, as it is now, would answer. */
  #isRight({ attempt, body, key, outcome }: Answered): boolean {
    const isSame = (event: StoredEvent) => fingerprintOf(body, key) === event.fingerprint;
    const sameCall = this.responses.get(responseIdOf(attempt.id) ?? '');
    const stored = sameCall ?? this.events.get(`e-${attempt.id}`);
    if (stored === undefined || outcome.usageId !== stored.usageId) return false;
    const status = sameCall || isSame(stored) ? 'duplicate' : 'conflict';
    // What another team's call has cost is not told; the event would have cost its own.
    const isHidden = key === 'bound' && stored.teamId !== BOUND_TEAM;
    const cost = isHidden ? costOf(body) : stored.cost;
    const later = cost === null && this.#isPricing && !isHidden ? laterCostOf(stored) : cost;
    const told = [cost, later].map((one) => (status === 'conflict' || one === null ? null : decimalOf(one)));
    return outcome.status === status && told.includes(outcome.cost);
  }

  #create(answer: Answered): (() => void) | null {
    const { attempt, body, outcome } = answer;
    const eventId = `e-${attempt.id}`;
    const responseId = responseIdOf(attempt.id);
    const isKnown = this.events.has(eventId) || (responseId !== null && this.responses.has(responseId));
    const cost = costOf(body);
    if (isKnown || outcome.status !== 'created' || outcome.cost !== (cost === null ? null : decimalOf(cost)))
      return null;
    this.#store(eventId, answer);
    const event = this.events.get(eventId);
    if (responseId !== null && event) this.responses.set(responseId, event);
    return () => {
      this.events.delete(eventId);
      if (responseId !== null) this.responses.delete(responseId);
    };
  }

  #free({ eventId }: Voided): (() => void) | null {
    const event = this.events.get(eventId);
    if (event === undefined) return null;
    const { responseId } = event;
    if (responseId === null || this.responses.get(responseId) !== event) return () => {};
    this.responses.delete(responseId);
    return () => this.responses.set(responseId, event);
  }

  #store(eventId: string, { attempt, body, key, outcome }: Answered): void {
    const { provider, model, userId, tags } = body;
    const cost = costOf(body);
    this.events.set(eventId, {
      usageId: outcome.usageId ?? '',
      eventId,
      responseId: responseIdOf(attempt.id),
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

function costOf(body: Body): bigint | null {
  return body.cost !== null ? attoOf(body.cost) : priceOf(body.model, body);
}

function fingerprintOf(body: Body, key: KeyName): string {
  // One moment is the same however it is written.
  const timestamp = body.timestamp && new Date(body.timestamp).toISOString();
  return JSON.stringify({ ...body, timestamp, team: teamOf(body, key) });
}
