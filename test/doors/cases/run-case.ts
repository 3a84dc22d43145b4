import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { TestApp } from '../../harness/app.ts';
import type { Failure } from '../../harness/calls.ts';

// Runs the cases of api-cases.json, whose `conventions` say what a step means.

interface CaseStep {
  method: string;
  path: string;
  body?: unknown;
  raw?: string;
  raw64?: string;
  rawhttp?: string;
  ctype?: string;
  headers?: Record<string, string>;
  auth?: 'other';
}

export interface ApiCase {
  id: string;
  kind: string;
  source: string;
  org: { plan: string; credits: string };
  steps: CaseStep[];
  /** What a right answer is, in words. */
  expect: string;
}

/** The answer to one step. */
export interface StepAnswer {
  status: number;
  text: string;
  /** The parsed body, or undefined where it is not JSON. */
  body: unknown;
  error: Failure | undefined;
  header(name: string): string | null;
}

/** What a case has shown, and the means to ask more as its organization. */
export interface CaseRun {
  /** @throws Error when there is no such step */
  answer(step: number): StepAnswer;
  ask(method: string, path: string): Promise<StepAnswer>;
  /** The OpenAPI document as it is served. */
  document: unknown;
}

export const OPERATOR_KEY = 'operator-key-of-the-tests';

export function readCases(): ApiCase[] {
  const text = readFileSync(join(import.meta.dirname, 'api-cases.json'), 'utf8');
  return (JSON.parse(text) as { cases: ApiCase[] }).cases;
}

/** The value at a dotted path (`data.0.id`), or undefined. Names are own properties only. */
export function pick(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, name) => {
    const object = Object(inner) as Record<string, unknown>;
    return Object.hasOwn(object, name) ? object[name] : undefined;
  }, value);
}

/** The list at a dotted path; empty where there is none. */
export function pickList(value: unknown, path: string): unknown[] {
  const found = pick(value, path);
  return Array.isArray(found) ? found : [];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toAnswer(status: number, headers: Headers, text: string): StepAnswer {
  const body = parse(text);
  const error = pick(body, 'error') as Failure | undefined;
  return { status, text, body, error, header: (name) => headers.get(name) };
}

/** Writes bytes to a socket and reads until the server closes it. */
function sendRaw(port: number, bytes: string): Promise<StepAnswer> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      received += chunk.toString('utf8');
    });
    socket.on('error', reject);
    socket.on('close', () => {
      const [head = '', ...rest] = received.split('\r\n\r\n');
      const [status = '', ...lines] = head.split('\r\n');
      const fields = lines.map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1).trim()];
      });
      resolve(toAnswer(Number(status.split(' ')[1]), new Headers(fields), rest.join('\r\n\r\n')));
    });
  });
}

async function makeKeyFor({ ok }: TestApp, { plan, credits }: ApiCase['org']): Promise<string> {
  const made = await ok<{ api_key: { secret: string } }>('POST', '/v1/organizations', {
    key: OPERATOR_KEY,
    body: { name: 'A case', plan, credits },
  });
  return made.api_key.secret;
}

/** Puts `{1.next_cursor}` of earlier answers into a step. */
function fill(text: string, answers: readonly StepAnswer[]): string {
  return text.replace(/\{(\d+)\.([\w.]+)\}/g, (_, step, path) => String(pick(answers[Number(step)]?.body, path)));
}

function bodyOf({ body, raw, raw64 }: CaseStep, answers: readonly StepAnswer[]): BodyInit | undefined {
  if (raw !== undefined) return raw;
  if (raw64 !== undefined) return new Uint8Array(Buffer.from(raw64, 'base64'));
  return body === undefined ? undefined : fill(JSON.stringify(body), answers);
}

/** Runs a case with an organization of its own. */
export async function runCase(app: TestApp, one: ApiCase, port: () => Promise<number>): Promise<CaseRun> {
  const own = await makeKeyFor(app, one.org);
  const needsOther = one.steps.some(({ auth }) => auth === 'other');
  const other = needsOther ? await makeKeyFor(app, one.org) : own;
  const answers: StepAnswer[] = [];

  async function send(step: CaseStep): Promise<StepAnswer> {
    if (step.rawhttp !== undefined) return sendRaw(await port(), step.rawhttp);
    const body = bodyOf(step, answers);
    const headers: Record<string, string> = {
      authorization: `Bearer ${step.auth === 'other' ? other : own}`,
      ...(body === undefined ? {} : { 'content-type': step.ctype ?? 'application/json' }),
      ...step.headers,
    };
    const response = await app.fetch(fill(step.path, answers), { method: step.method, headers, body });
    return toAnswer(response.status, response.headers, await response.text());
  }

  for (const step of one.steps) answers.push(await send(step));
  return {
    answer(step) {
      const answer = answers[step];
      if (!answer) throw new Error(`the case ${one.id} has no step ${step}`);
      return answer;
    },
    ask: (method, path) => send({ method, path }),
    document: await (await app.fetch('/v1/openapi.json')).json(),
  };
}
