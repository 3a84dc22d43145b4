import { newUuid } from '../../src/platform/ids.ts';
import type { TestApp } from '../harness/app.ts';
import { EVENT } from '../harness/make.ts';
import { OPERATOR_KEY } from '../harness/operator-key.ts';
import { changesBetween, comparable, createSnapshots, type Send, type WallAnswer } from './compare.ts';
import { makerOf, neighbourCursor, neighbourOf, type ObjectKind, TYPE_ID } from './objects.ts';
import { type AskingKey, makeFreshPlace, makeWorld, type Place, type World } from './places.ts';
import type { Question } from './questions.ts';

/** What the wall has found. */
export interface Findings {
  problems: string[];
  requests: number;
}

/** Operations that take what only a mail or an answer shows once, and no id. */
const UNCONTROLLED = new Set(['mutation acceptInvite', 'POST /v1/invites/accept']);
/** The most cursors of one list that a key is asked with. */
const MAX_CURSORS = 3;
const AT_ONCE = 12;
/** The most problems that are named of one question: each key has the same. */
const MAX_SHOWN = 3;

/** Does something with each, a few at a time, and returns the results in order. */
export async function eachOf<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i] as T);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

function cursorsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'cursor' && typeof inner === 'string' ? [inner] : cursorsIn(inner),
  );
}

/** Whether an operation did what it was asked for, all of it. */
function hasSucceeded({ status, text }: WallAnswer): boolean {
  if (status >= 300) return false;
  const isWhole = !/"(?:invalid|conflicts|rejectedSpans)":"?[1-9]/.test(text) && !text.includes('{"node":null}');
  return isWhole && !/^\{(?:"data":.*,)?"errors":/.test(text) && !text.includes('"errors":[');
}

interface Case {
  key: AskingKey;
  id: string;
}

/** The two organizations with their objects, and what can be asked of them. */
export interface Wall {
  world: World;
  /**
   * Asks a question with what every key may not see, and again with what does not exist, and names
   * what differs, what was told, and what was changed.
   */
  ask(question: Question, keys: readonly AskingKey[], send: Send): Promise<Findings>;
  /** Asks the same with what the caller has: names what is refused, or answered as if it was not there. */
  control(question: Question, send: Send): Promise<Findings>;
  /** Asks with an `Idempotency-Key` that another organization has used: names what was replayed. */
  repeat(question: Question, send: Send): Promise<Findings>;
}

/**
 * @param questions all that will be asked
 * @param direct asks what the wall itself wants to know
 */
export async function createWall(meterr: TestApp, questions: readonly Question[], direct: Send): Promise<Wall> {
  const world = await makeWorld(meterr);
  const { theirs, ours, own, theirPlaces, otherPlaces } = world;
  const places = [...theirPlaces, own, ...otherPlaces];
  const snapshot = await createSnapshots(meterr.sql);

  const furnish = async (place: Place, kinds: Iterable<ObjectKind>): Promise<Map<ObjectKind, string>> => {
    const made = await Promise.all(
      [...kinds].map(async (kind) => [kind, await makerOf(kind).make(meterr, place)] as const),
    );
    return new Map(made.filter((one): one is [ObjectKind, string] => one[1] !== null));
  };
  const used = new Set(questions.flatMap(({ kinds, needs }) => [...(kinds === 'cursor' ? [] : kinds), ...needs]));
  const objects = new Map(await Promise.all(places.map(async (place) => [place, await furnish(place, used)] as const)));
  const objectsIn = (place: Place) => objects.get(place) ?? new Map<ObjectKind, string>();
  const known = new Set([...[...objects.values()].flatMap((all) => [...all.values()]), ours.key.id, theirs.key.id]);

  // What the first request of a key makes once and for all is there before the wall is asked.
  await eachOf(world.keys, ({ secret }) =>
    direct({ door: 'rest', method: 'POST', path: '/v1/usage', body: EVENT }, secret),
  );

  const hiddenPlaces = ({ isBound, asksAll }: AskingKey) => {
    const sides = isBound ? [theirPlaces, otherPlaces] : [theirPlaces];
    return sides.flatMap((side) => (asksAll ? side : side.slice(0, 1)));
  };
  const hides = (place: Place, kind: ObjectKind) => place.organization !== ours || makerOf(kind).of === 'team';

  const listed = new Map<string, Promise<string[]>>();
  function cursors(list: Question, place: Place, secret: string): Promise<string[]> {
    const name = `${list.operation} ${place.mark} ${secret}`;
    const reading =
      listed.get(name) ??
      direct(list.ask(objectsIn(place), null), secret).then(({ text }) => cursorsIn(JSON.parse(text)));
    listed.set(name, reading);
    return reading;
  }
  const boundAdmin = world.keys.find(({ name }) => name === 'of a team, admin')?.secret ?? '';
  function listOf({ listedBy, operation, argument }: Question): Question {
    const list = questions.find(
      (one) => one.kinds === 'cursor' && one.operation === (listedBy ? `query ${listedBy}` : operation),
    );
    if (!list) throw new Error(`The wall has no list for the cursors of ${operation} ${argument}.`);
    return list;
  }
  async function hiddenCursors(question: Question, { isBound, asksAll }: AskingKey): Promise<string[]> {
    const list = listOf(question);
    const [theirPlace = own] = theirPlaces;
    const visible = await cursors(list, own, isBound ? boundAdmin : ours.key.secret);
    const sides = [await cursors(list, theirPlace, list.isOperators ? OPERATOR_KEY : theirs.key.secret)];
    // What is in a list of its own place is not in that of another's, such as the deliveries of a webhook.
    for (const place of isBound ? [own, ...otherPlaces] : []) {
      if ([...list.needs].every((kind) => objectsIn(place).has(kind)))
        sides.push(await cursors(list, place, ours.key.secret));
    }
    return sides.flatMap((side) => side.filter((one) => !visible.includes(one)).slice(0, asksAll ? MAX_CURSORS : 1));
  }

  async function casesOf(question: Question, keys: readonly AskingKey[]): Promise<Case[]> {
    const { kinds } = question;
    const cases = await Promise.all(
      keys.map(async (key) => {
        if (kinds === 'cursor') return (await hiddenCursors(question, key)).map((id) => ({ key, id }));
        return hiddenPlaces(key).flatMap((place) =>
          kinds
            .filter((kind) => hides(place, kind) && !makerOf(kind).isUsedUp)
            .flatMap((kind) => {
              const id = objectsIn(place).get(kind);
              return id === undefined ? [] : [{ key, id }];
            }),
        );
      }),
    );
    const [first] = keys;
    const usedUp = kinds === 'cursor' ? [] : kinds.filter((kind) => makerOf(kind).isUsedUp);
    const [place] = theirPlaces;
    for (const kind of usedUp) {
      const id = place && (await makerOf(kind).make(meterr, place));
      if (first && id) cases.push([{ key: first, id }]);
    }
    return cases.flat();
  }

  const nameOf = ({ operation, argument }: Question) => (argument ? `${operation} ${argument}` : operation);

  /** What an answer tells of what its key may not see. */
  function told(text: string, key: AskingKey): string[] {
    return hiddenPlaces({ ...key, asksAll: true }).flatMap((place) => {
      const ids = [...objectsIn(place)].filter(([kind]) => hides(place, kind)).map(([, id]) => id);
      return [place.mark, ...ids].filter((one) => text.includes(one));
    });
  }

  return {
    world,
    async ask(question, keys, send) {
      const problems: string[] = [];
      const mine = objectsIn(own);
      const cases = question.argument ? await casesOf(question, keys) : keys.map((key) => ({ key, id: '' }));
      if (cases.length === 0)
        problems.push(`${nameOf(question)}: there is nothing hidden to ask for; make some in test/wall/objects.ts`);
      const neighbour = question.kinds === 'cursor' ? neighbourCursor : neighbourOf;
      const ids = [(id: string) => id, ...(question.argument ? [neighbour] : [])];
      const answers: string[][] = [];
      const changes: string[] = [];
      let [theirRows, ourRows] = [await snapshot(theirs.uuid), await snapshot(ours.uuid)];
      for (const idFor of ids) {
        answers.push(
          await eachOf(cases, async ({ key, id }) => {
            const asked = idFor(id);
            const answer = await send(question.ask(mine, question.argument ? asked : null), key.secret);
            const text = comparable(answer, asked || '\0', known);
            for (const one of told(text, key))
              problems.push(`${nameOf(question)}, key ${key.name}: tells ${one}: ${text}`);
            return text;
          }),
        );
        const after = [await snapshot(theirs.uuid), await snapshot(ours.uuid)] as const;
        const changed = changesBetween(theirRows, after[0]);
        if (changed.length > 0) problems.push(`${nameOf(question)} changed what is not the caller's: ${changed}`);
        changes.push(changesBetween(ourRows, after[1]).join('; '));
        [theirRows, ourRows] = after;
      }
      const [hidden = [], missing = hidden] = answers;
      for (const [i, { key, id }] of cases.entries()) {
        if (hidden[i] === missing[i]) continue;
        problems.push(
          `${nameOf(question)}, key ${key.name}, ${id} is there:\n${hidden[i]}\nand nothing is:\n${missing[i]}`,
        );
      }
      if (question.argument && changes[0] !== changes[1]) {
        problems.push(
          `${nameOf(question)} changes the caller's own by "${changes[0]}", and where nothing is by "${changes[1]}"`,
        );
      }
      return { problems: problems.slice(0, MAX_SHOWN), requests: cases.length * ids.length };
    },
    async control(question, send) {
      const problems: string[] = [];
      const { kinds, needs } = question;
      let requests = 0;
      if (UNCONTROLLED.has(question.operation)) return { problems, requests };
      const asked: readonly (ObjectKind | null)[] = kinds === 'cursor' || kinds.length === 0 ? [null] : kinds;
      for (const kind of asked) {
        const place = await makeFreshPlace(meterr);
        const mine = await furnish(place, new Set([...needs, ...(kind ? [kind] : [])]));
        const secret = question.isOperators ? OPERATOR_KEY : place.organization.key.secret;
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
          !/costs?\/?estimate/i.test(question.operation) &&
          comparable(missing, neighbourOf(id), new Set()) === text
        ) {
          problems.push(
            `${nameOf(question)}: the caller's own ${kind} is answered as one that does not exist:\n${text}`,
          );
        }
      }
      return { problems, requests };
    },
    async repeat(question, send) {
      const key = `repeat-${newUuid()}`;
      const answers: { text: string; rows: string }[] = [];
      const told = new Set<string>();
      const problems: string[] = [];
      for (const id of [key, key, neighbourOf(key)]) {
        const place = await makeFreshPlace(meterr);
        const mine = await furnish(place, question.needs);
        const before = await snapshot(place.organization.uuid);
        const { secret } = place.organization.key;
        const answer = await send(question.ask(mine, id), secret);
        const ids = [...answer.text.matchAll(TYPE_ID)].map(([one]) => one).filter((one) => !one.startsWith('price_'));
        if (ids.some((one) => told.has(one)))
          problems.push(`${nameOf(question)} answers another organization's: ${answer.text}`);
        for (const one of ids) told.add(one);
        const rows = changesBetween(before, await snapshot(place.organization.uuid)).join('; ');
        if (answer.status < 200 || answer.status > 299) problems.push(`${nameOf(question)} is refused: ${answer.text}`);
        answers.push({ text: comparable(answer, id, new Set()), rows });
      }
      const [, known, unknown] = answers;
      if (known?.text !== unknown?.text || known?.rows !== unknown?.rows) {
        problems.push(
          `${nameOf(question)} with a key that is known elsewhere:\n${known?.text}\n${known?.rows}\nand nowhere:\n${unknown?.text}\n${unknown?.rows}`,
        );
      }
      return { problems, requests: answers.length };
    },
  };
}
