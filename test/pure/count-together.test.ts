import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Count, countTogether } from '../../src/platform/rate-limits/count-together.ts';

/** A store whose statements end when the test lets them, oldest first. */
function openSlowStore() {
  const total = new Map<string, number>();
  const underWay: { key: string; calls: number; end: () => void }[] = [];
  const count: Count = (key, calls) =>
    new Promise((resolve) => {
      const end = () => {
        total.set(key, (total.get(key) ?? 0) + calls);
        resolve(total.get(key) ?? 0);
      };
      underWay.push({ key, calls, end });
    });
  return { count, underWay };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 3));

it('each call gets the count that it would have got alone, in order of arrival, whatever waits together', async () => {
  const arrival = fc.record({ key: fc.constantFrom('a', 'b'), calls: fc.integer({ min: 1, max: 5 }) });
  const step = fc.oneof({ weight: 4, arbitrary: arrival }, { weight: 1, arbitrary: fc.constant('end one' as const) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { count, underWay } = openSlowStore();
      const together = countTogether(count);
      const expected = new Map<string, number>();
      const answers: Promise<[number, number | null]>[] = [];
      for (const one of steps) {
        if (one === 'end one') {
          underWay.shift()?.end();
          await soon();
          continue;
        }
        const alone = (expected.get(one.key) ?? 0) + one.calls;
        expected.set(one.key, alone);
        answers.push(together(one.key, one.calls).then((counted) => [alone, counted]));
        // Of one key one statement at most is under way.
        expect(new Set(underWay.map(({ key }) => key)).size).toBe(underWay.length);
      }
      for (let i = 0; i < 4; i++) {
        for (const { end } of underWay.splice(0)) end();
        await soon();
      }
      for (const [alone, counted] of await Promise.all(answers)) expect(counted).toBe(alone);
    }),
    { numRuns: 60 },
  );
});

it('what waits while a statement is under way becomes one statement', async () => {
  const { count, underWay } = openSlowStore();
  const together = countTogether(count);
  const answers = Array.from({ length: 50 }, () => together('a', 1));
  expect(underWay.map(({ calls }) => calls)).toEqual([1]);
  underWay.shift()?.end();
  await soon();
  expect(underWay.map(({ calls }) => calls)).toEqual([49]);
  underWay.shift()?.end();
  expect(await Promise.all(answers)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
});

it('with too many keys under way a further one is not counted, and one that is under way still is', async () => {
  const { count, underWay } = openSlowStore();
  const together = countTogether(count, 2);
  const first = [together('a', 1), together('b', 1), together('a', 1)];
  expect(await together('c', 1)).toBeNull();
  for (const { end } of underWay.splice(0)) end();
  await soon();
  for (const { end } of underWay.splice(0)) end();
  expect(await Promise.all(first)).toEqual([1, 1, 2]);
  await soon();
  const later = together('c', 1);
  underWay.shift()?.end();
  expect(await later).toBe(1);
});

it('nobody knows the count of calls whose statement failed, and those after them are counted', async () => {
  let answers: (number | null)[] = [null, 1, 3];
  const together = countTogether(async () => answers.shift() ?? null);
  const group = [together('a', 1), together('a', 1)];
  expect(await group[0]).toBeNull();
  expect(await group[1]).toBe(1);
  await soon();
  answers = [null];
  expect(await together('a', 2)).toBeNull();
});
