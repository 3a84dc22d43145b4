import { newUuid } from '../../src/platform/ids.ts';
import type { TestApp } from '../harness/app.ts';
import { OPERATOR_KEY } from '../harness/operator-key.ts';
import { changesBetween, comparable, createSnapshots, type Send, type WallAnswer } from './compare.ts';
import { furnish } from './hidden-objects.ts';
import { neighbourOf, type ObjectKind, TYPE_ID } from './objects.ts';
import { makeFreshPlace } from './places.ts';
import { nameOf, type Question } from './questions.ts';
import type { Findings } from './wall.ts';

/** Operations that take what only a mail or an answer shows once, and no id. */
const UNCONTROLLED = new Set(['mutation acceptInvite', 'POST /v1/invites/accept']);
/** They price what is described, whatever its ids. */
const ALIKE = new Set(['query costEstimate', 'POST /v1/costs/estimate']);

/** Whether an operation did what it was asked for, all of it. */
function hasSucceeded({ status, text }: WallAnswer): boolean {
  if (status >= 300) return false;
  const isWhole = !/"(?:invalid|conflicts|rejectedSpans)":"?[1-9]/.test(text) && !text.includes('{"node":null}');
  return isWhole && !/^\{(?:"data":.*,)?"errors":/.test(text) && !text.includes('"errors":[');
}

/**
 * Asks with what the caller has, in an organization of its own: names what is refused, or answered
 * as if it was not there.
 */
export async function askControl(meterr: TestApp, question: Question, send: Send): Promise<Findings> {
  const problems: string[] = [];
  const { kinds, needs } = question;
  let requests = 0;
  if (UNCONTROLLED.has(question.operation)) return { problems, requests };
  const asked: readonly (ObjectKind | null)[] = kinds === 'cursor' || kinds.length === 0 ? [null] : kinds;
  for (const kind of asked) {
    const place = await makeFreshPlace(meterr);
    const mine = await furnish(meterr, place, new Set([...needs, ...(kind ? [kind] : [])]));
    // Only the operator names an organization, but for `node`.
    const isOperators = question.isOperators || (kind === 'organization' && question.operation !== 'query node');
    const secret = isOperators ? OPERATOR_KEY : place.organization.key.secret;
    const id = (kind && mine.get(kind)) ?? null;
    const missing = id === null ? null : await send(question.ask(mine, neighbourOf(id)), secret);
    const answer = await send(question.ask(mine, id), secret);
    requests += 2;
    const text = comparable(answer, id ?? '\0', new Set());
    if (!hasSucceeded(answer)) {
      problems.push(
        `${nameOf(question)}: a right request is refused; give what it needs in test/harness/operations.ts:\n${text}`,
      );
    } else if (
      id &&
      missing &&
      !ALIKE.has(question.operation) &&
      comparable(missing, neighbourOf(id), new Set()) === text
    ) {
      problems.push(`${nameOf(question)}: the caller's own ${kind} is answered as one that does not exist:\n${text}`);
    }
  }
  return { problems, requests };
}

/** Asks with an `Idempotency-Key` that another organization has used: names what was replayed. */
export async function askRepeat(meterr: TestApp, question: Question, send: Send): Promise<Findings> {
  const snapshot = await createSnapshots(meterr.sql);
  const key = `repeat-${newUuid()}`;
  const answers: { text: string; rows: string }[] = [];
  const told = new Set<string>();
  const problems: string[] = [];
  for (const id of [key, key, neighbourOf(key)]) {
    const place = await makeFreshPlace(meterr);
    const mine = await furnish(meterr, place, question.needs);
    const before = await snapshot(place.organization.uuid);
    const { secret } = place.organization.key;
    const answer = await send(question.ask(mine, id), secret);
    const ids = [...answer.text.matchAll(TYPE_ID)].map(([one]) => one).filter((one) => !one.startsWith('price_'));
    if (ids.some((one) => told.has(one)))
      problems.push(`${nameOf(question)} answers another organization's: ${answer.text}`);
    for (const one of ids) told.add(one);
    const rows = changesBetween(before, await snapshot(place.organization.uuid)).join('; ');
    if (answer.status < 200 || answer.status > 299) problems.push(`${nameOf(question)} is refused: ${answer.text}`);
    const text = answer.text.replaceAll(place.mark, '<mark>');
    answers.push({ text: comparable({ ...answer, text }, id, new Set()), rows });
  }
  const [, known, unknown] = answers;
  if (known?.text !== unknown?.text || known?.rows !== unknown?.rows) {
    problems.push(
      `${nameOf(question)} with a key that is known elsewhere:\n${known?.text}\n${known?.rows}\nand nowhere:\n${unknown?.text}\n${unknown?.rows}`,
    );
  }
  return { problems, requests: answers.length };
}
