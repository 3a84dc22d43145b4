import { beforeAll, expect, it } from 'vitest';
import { useTestApp } from '../harness/app.ts';
import { OPERATOR_KEY } from '../harness/operator-key.ts';
import { sendOver } from './compare.ts';
import { graphqlQuestions, idCoordinates, ROOT_FIELDS } from './graphql-questions.ts';
import type { Question } from './questions.ts';
import { patternedPlaces, ROUTE_NAMES, restQuestions } from './rest-questions.ts';
import { createWall, eachOf, type Findings, type Wall } from './wall.ts';

const meterr = useTestApp({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY } });
const inGraphql = graphqlQuestions();
const inRest = restQuestions();
const all: readonly Question[] = [...inGraphql, ...inRest];

let wall: Wall;

beforeAll(async () => {
  const lists = inGraphql.filter(({ kinds }) => kinds === 'cursor');
  wall = await createWall(meterr(), lists, sendOver(meterr()));
});

const coordinatesOf = (questions: readonly Question[]) => new Set(questions.map(({ coordinate }) => coordinate));
const operationsOf = (questions: readonly Question[]) => new Set(questions.map(({ operation }) => operation));
const sum = (findings: readonly Findings[]) => findings.reduce((total, { requests }) => total + requests, 0);

it('every field of the roots, every route, and every argument of the form of an id is asked', () => {
  expect(ROOT_FIELDS.filter((name) => !operationsOf(inGraphql).has(name))).toEqual([]);
  expect(ROUTE_NAMES.filter((name) => !operationsOf(inRest).has(name))).toEqual([]);
  expect(idCoordinates().filter((place) => !coordinatesOf(inGraphql).has(place))).toEqual([]);
  expect(patternedPlaces().filter((place) => !coordinatesOf(inRest).has(place))).toEqual([]);
});

it("a right request with the caller's own ids succeeds, and differs from one with ids that do not exist", async () => {
  const found = await eachOf(all, (question) => wall.control(question, sendOver(meterr())));
  expect(found.flatMap(({ problems }) => problems)).toEqual([]);
});

it('what a key may not see is answered as what does not exist, in both doors, and nothing changes', async () => {
  const findings: Findings[] = [];
  for (const question of all) findings.push(await wall.ask(question, wall.world.keys, sendOver(meterr())));
  const count = (questions: readonly Question[]) => questions.filter(({ argument }) => argument !== null).length;
  console.info(
    `the wall: ${sum(findings).toLocaleString('en')} requests of ${wall.world.keys.length} keys, ` +
      `${count(inGraphql)} id arguments of ${inGraphql.length} of GraphQL`,
  );
  expect(findings.flatMap(({ problems }) => problems)).toEqual([]);
});
