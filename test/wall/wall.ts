import type { TestApp } from '../harness/app.ts';
import { changesBetween, comparable, createSnapshots, type Send } from './compare.ts';
import { eachOf } from './each-of.ts';
import { makeHiddenObjects } from './hidden-objects.ts';
import { neighbourCursor, neighbourOf } from './objects.ts';
import { type AskingKey, makeWorld, type World } from './places.ts';
import { nameOf, type Question } from './questions.ts';

/** What was found: what is wrong, in words, and how many requests were sent. */
export interface Findings {
  problems: string[];
  requests: number;
}

/** The most problems that are named of one question: each key has the same. */
const MAX_SHOWN = 3;

/** The two organizations with their objects. */
export interface Wall {
  world: World;
  /**
   * Asks a question with what every key may not see, and again with what does not exist, and names
   * what differs, what was told, and what was changed.
   */
  ask(question: Question, keys: readonly AskingKey[], send: Send): Promise<Findings>;
}

/**
 * Makes the organizations, their keys and their objects.
 * @param questions all that will be asked
 * @param direct asks what the wall itself wants to know
 */
export async function createWall(meterr: TestApp, questions: readonly Question[], direct: Send): Promise<Wall> {
  const world = await makeWorld(meterr);
  const { theirs, ours } = world;
  const { mine, known, casesOf, told } = await makeHiddenObjects(meterr, world, questions, direct);
  const snapshot = await createSnapshots(meterr.sql);

  return {
    world,
    async ask(question, keys, send) {
      const problems: string[] = [];
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
  };
}
