import { beforeAll, expect, it } from 'vitest';
import { useTestApp } from '../harness/app.ts';
import { OPERATOR_KEY } from '../harness/operator-key.ts';
import { type Send, sendOver } from './compare.ts';
import { askControl, askRepeat } from './control.ts';
import { eachOf } from './each-of.ts';
import { GRAPHQL_QUESTIONS, idCoordinates, ROOT_FIELDS } from './graphql-questions.ts';
import type { Question } from './questions.ts';
import { KEYED_QUESTIONS, patternedPlaces, REST_QUESTIONS, ROUTE_NAMES } from './rest-questions.ts';
import { sendOverSocket } from './socket.ts';
import { createWall, type Findings, type Wall } from './wall.ts';

const meterr = useTestApp({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY } });
const isSubscription = ({ operation }: Question) => operation.startsWith('subscription ');
/** A subscription is asked over the WebSocket. */
const overHttp = [...GRAPHQL_QUESTIONS, ...REST_QUESTIONS].filter((question) => !isSubscription(question));
const MAX_SHOWN = 20;
const HTTP = 'HTTP';
/** Tens of thousands of requests, on a machine that may do other things. */
const TIMEOUT_MS = 240_000;

let wall: Wall;

beforeAll(async () => {
  wall = await createWall(meterr(), [...GRAPHQL_QUESTIONS, ...REST_QUESTIONS], sendOver(meterr()));
});

const coordinatesOf = (questions: readonly Question[]) => new Set(questions.map(({ coordinate }) => coordinate));
const operationsOf = (questions: readonly Question[]) => new Set(questions.map(({ operation }) => operation));
const problemsOf = (findings: readonly Findings[]) => findings.flatMap(({ problems }) => problems).slice(0, MAX_SHOWN);

async function askAll(questions: readonly Question[], keys: Wall['world']['keys'], send: Send): Promise<Findings[]> {
  const findings: Findings[] = [];
  // One after the other, so that what is changed is known to be its doing.
  for (const question of questions) findings.push(await wall.ask(question, keys, send));
  return findings;
}

/** `34 of 34`: how much of what the schema and the document have was asked. */
const share = (all: readonly string[], asked: ReadonlySet<string | null>) =>
  `${all.filter((one) => asked.has(one)).length} of ${all.length}`;

function report(door: string, findings: readonly Findings[], keys: number, asked: readonly Question[]): void {
  const requests = findings.reduce((total, one) => total + one.requests, 0).toLocaleString('en');
  console.info(
    [
      `the wall, ${door}: ${requests} requests of ${keys} keys`,
      `${share(idCoordinates(), coordinatesOf(asked))} id arguments of GraphQL`,
      `${share(ROOT_FIELDS, operationsOf(asked))} root fields`,
      ...(door === HTTP
        ? [
            `${share(patternedPlaces(), coordinatesOf(asked))} id parameters of REST`,
            `${share(ROUTE_NAMES, operationsOf(asked))} routes`,
          ]
        : []),
    ].join(', '),
  );
}

it('every root field, every route and every argument of the form of an id is asked', () => {
  const [inGraphql, inRest] = [GRAPHQL_QUESTIONS, REST_QUESTIONS];
  expect(ROOT_FIELDS.filter((name) => !operationsOf(inGraphql).has(name))).toEqual([]);
  expect(ROUTE_NAMES.filter((name) => !operationsOf(inRest).has(name))).toEqual([]);
  expect(idCoordinates().filter((place) => !coordinatesOf(inGraphql).has(place))).toEqual([]);
  expect(patternedPlaces().filter((place) => !coordinatesOf(inRest).has(place))).toEqual([]);
});

it("a right request with the caller's own ids succeeds, and differs from one with ids that do not exist", async () => {
  const findings = await eachOf(overHttp, (question) => askControl(meterr(), question, sendOver(meterr())));
  expect(problemsOf(findings)).toEqual([]);
});

it(
  'what a key may not see is answered as what does not exist, in both doors, and nothing changes',
  async () => {
    const { keys } = wall.world;
    const findings = await askAll(overHttp, keys, sendOver(meterr()));
    report(HTTP, findings, keys.length, overHttp);
    expect(problemsOf(findings)).toEqual([]);
  },
  TIMEOUT_MS,
);

it(
  'the same over the WebSocket, subscriptions too',
  async () => {
    const keys = wall.world.keys.filter(({ asksAll }) => asksAll);
    const socket = await sendOverSocket(meterr());
    const findings = await askAll(GRAPHQL_QUESTIONS, keys, socket.send).finally(() => socket.close());
    report('WebSocket', findings, keys.length, GRAPHQL_QUESTIONS);
    expect(problemsOf(findings)).toEqual([]);
  },
  TIMEOUT_MS,
);

it("an Idempotency-Key of another organization's is unknown", async () => {
  const findings = await eachOf(KEYED_QUESTIONS, (question) => askRepeat(meterr(), question, sendOver(meterr())));
  expect(KEYED_QUESTIONS.length).toBeGreaterThan(4);
  expect(problemsOf(findings)).toEqual([]);
});
