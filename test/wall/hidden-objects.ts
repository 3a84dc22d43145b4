import type { TestApp } from '../harness/app.ts';
import { EVENT } from '../harness/make.ts';
import { OPERATOR_KEY } from '../harness/operator-key.ts';
import type { Send } from './compare.ts';
import { eachOf } from './each-of.ts';
import { makerOf, type ObjectKind } from './objects.ts';
import type { AskingKey, Place, World } from './places.ts';
import type { Question } from './questions.ts';

/** The most cursors of one list that a key is asked with. */
const MAX_CURSORS = 3;

/** An id that a key may not see. */
export interface HiddenCase {
  key: AskingKey;
  id: string;
}

/** The objects of all places, by who may not see them. */
export interface HiddenObjects {
  /** What the keys that ask may see, by kind. */
  mine: ReadonlyMap<ObjectKind, string>;
  /** Every id that was made: an answer that has one tells of it. */
  known: ReadonlySet<string>;
  casesOf(question: Question, keys: readonly AskingKey[]): Promise<HiddenCase[]>;
  /** What of what its key may not see is in an answer. */
  told(text: string, key: AskingKey): string[];
}

/** Makes one object of each kind in a place; of some kinds there is none. */
export async function furnish(
  meterr: TestApp,
  place: Place,
  kinds: Iterable<ObjectKind>,
): Promise<Map<ObjectKind, string>> {
  const made = await Promise.all(
    [...kinds].map(async (kind) => [kind, await makerOf(kind).make(meterr, place)] as const),
  );
  return new Map(made.filter((one): one is [ObjectKind, string] => one[1] !== null));
}

function cursorsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'cursor' && typeof inner === 'string' ? [inner] : cursorsIn(inner),
  );
}

/** Whether a cursor stands at a price of the catalog, which everybody sees; `aaa` has those made here. */
function isPublic(cursor: string): boolean {
  return /^price:(?!aaa\n)/.test(Buffer.from(cursor, 'base64url').toString());
}

/**
 * Makes the objects that are asked for in every place of the world.
 * @param questions all that will be asked
 * @param direct asks what the wall itself wants to know
 */
export async function makeHiddenObjects(
  meterr: TestApp,
  world: World,
  questions: readonly Question[],
  direct: Send,
): Promise<HiddenObjects> {
  const { theirs, ours, own, theirPlaces, otherPlaces } = world;
  const places = [...theirPlaces, own, ...otherPlaces];
  const used = new Set(questions.flatMap(({ kinds, needs }) => [...(kinds === 'cursor' ? [] : kinds), ...needs]));
  const objects = new Map(
    await Promise.all(places.map(async (place) => [place, await furnish(meterr, place, used)] as const)),
  );
  const objectsIn = (place: Place) => objects.get(place) ?? new Map<ObjectKind, string>();
  const known = new Set([...[...objects.values()].flatMap((all) => [...all.values()]), ours.key.id, theirs.key.id]);

  // What the first request of a key makes once and for all is there before the wall is asked.
  await eachOf(world.keys, ({ secret }) =>
    direct({ door: 'rest', method: 'POST', path: '/v1/usage', body: EVENT }, secret),
  );

  const hiddenPlaces = ({ isBound, asksAll }: AskingKey) => {
    // The wall around the organization is the same for keys with few scopes, bound or not.
    const outer = isBound && !asksAll ? [] : [theirPlaces];
    const sides = isBound ? [...outer, otherPlaces] : outer;
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
    const isHidden = (cursor: string) => !visible.includes(cursor) && !isPublic(cursor);
    return sides.flatMap((side) => side.filter(isHidden).slice(0, asksAll ? MAX_CURSORS : 1));
  }

  async function casesOf(question: Question, keys: readonly AskingKey[]): Promise<HiddenCase[]> {
    const { kinds } = question;
    const cases = await Promise.all(
      keys.map(async (key) => {
        if (kinds === 'cursor') return (await hiddenCursors(question, key)).map((id) => ({ key, id }));
        const ofOrganization = kinds.every((kind) => makerOf(kind).of === 'organization');
        return hiddenPlaces(ofOrganization ? { ...key, isBound: false } : key).flatMap((place) =>
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

  return {
    mine: objectsIn(own),
    known,
    casesOf,
    told(text, key) {
      return hiddenPlaces({ ...key, asksAll: true }).flatMap((place) => {
        const ids = [...objectsIn(place)].filter(([kind]) => hides(place, kind)).map(([, id]) => id);
        return [place.mark, ...ids].filter((one) => text.includes(one));
      });
    },
  };
}
