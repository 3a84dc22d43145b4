import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { readEvents } from '../doors/budget-answers.ts';
import { type Calls, createCalls, socketDoor } from '../harness/calls.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { readSnippets } from '../harness/doc-snippets.ts';
import { EVENT, type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { type MainProcess, startMain } from '../harness/processes/main-process.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';
import { waitUntil } from '../harness/wait-until.ts';

// Each file that docs/subscriptions.md shows, run as it stands, against a server in another process.

/** Below node_modules of this clone, so that the packages are found. */
const folder = join(SCRATCH_FOLDER, `subscriptions-${randomBytes(6).toString('hex')}`);
/** How long a live-only subscription gets to tell before the next crossing is raised. */
const RAISE_EVERY_MS = 400;
/** Read by the others, and by test/e2e/browser.test.ts. */
const NOT_RUN = ['meterr-live.js', 'index.html'];

const snippets = await readSnippets('subscriptions.md');
let database: TestDatabase;
let sql: pg.Pool;
let server: MainProcess;
let organization: MadeOrganization;
let meterr: Calls;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  for (const [name, content] of snippets) await writeFile(join(folder, name), content);
  database = await createTestDatabase();
  sql = new pg.Pool({ connectionString: database.connectionString, max: 2 });
  organization = await makeOrganization({ sql });
  server = await startMain({ DATABASE_URL: database.connectionString });
  meterr = createCalls(socketDoor(server.port), organization.key.secret);
  const body = { name: 'Each user', amount: '0.1', period: 'total', per: 'user', thresholds: [] };
  await meterr.ok('POST', '/v1/budgets', { body });
});

afterEach(async () => {
  for (const child of running) await end(child);
});

afterAll(async () => {
  await server?.stop();
  await sql?.end();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

/** Kills it with what it has started itself. */
async function end(child: ChildProcess): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const closed = once(child, 'close');
  process.kill(-child.pid, 'SIGKILL');
  await closed;
}

function run(name: string) {
  const child = spawn(name.endsWith('.sh') ? 'bash' : process.execPath, [name], {
    cwd: folder,
    env: { PATH: process.env.PATH, METERR_URL: server.url, METERR_KEY: organization.key.secret },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const prints = (what: string, isPrinted: () => Promise<boolean> | boolean = () => output.includes(what)) =>
    waitUntil(`${name} prints ${what}`, isPrinted).catch((error) => {
      throw new Error(`${error.message}. It printed:\n${output}`);
    });
  return { output: () => output, prints, end: () => end(child) };
}

/** What it keeps for its next start. */
const keptBy = (name: string) =>
  readFile(join(folder, name.endsWith('.sh') ? 'last-event' : 'last-event.txt'), 'utf8').catch(() => '');

let users = 0;

interface Raised {
  user: string;
  /** Of the event. */
  id: string;
}

/** Makes another user exceed the limit. */
async function exceed(): Promise<Raised> {
  const user = `user-${++users}`;
  await meterr.ok('POST', '/v1/usage', { body: { ...EVENT, user_id: user, cost: '0.12' } });
  const event = (await readEvents(meterr, organization.key.secret)).findLast(({ data }) => data.subject === user);
  if (!event) throw new Error(`Nothing says that ${user} exceeds the limit.`);
  return { user, id: event.id };
}

/**
 * Makes users exceed the limit, one after the other, until `isPrinted`: when a process has begun to
 * listen cannot be seen. Returns those that were raised.
 */
async function raiseUntil(
  { output, prints }: ReturnType<typeof run>,
  isPrinted: (output: string, raised: readonly Raised[]) => boolean,
): Promise<Raised[]> {
  const raised: Raised[] = [];
  let raisedMs = 0;
  await prints('what was raised', async () => {
    if (isPrinted(output(), raised)) return true;
    if (performance.now() - raisedMs > RAISE_EVERY_MS) {
      raisedMs = performance.now();
      raised.push(await exceed());
    }
    return false;
  });
  return raised;
}

/** Returns the first event that it printed. */
async function raiseUntilPrinted(child: ReturnType<typeof run>): Promise<Raised> {
  const raised = await raiseUntil(child, (output, all) => all.some(({ id }) => output.includes(id)));
  return raised.find(({ id }) => child.output().includes(id)) as Raised;
}

const missing = ['bash', 'curl'].filter((tool) => spawnSync(tool, ['--version']).error);
if (missing.length > 0) console.warn(`The snippets with curl are not run: there is no ${missing.join(' and no ')}`);

it('every file of the document is run here, or by the test of the browser', () => {
  const run = [
    'exceeded.sh',
    'follow.sh',
    'exceeded.js',
    'follow.js',
    'urql.js',
    'apollo.js',
    'recorded.js',
    'spend.js',
  ];
  expect([...snippets.keys()].toSorted()).toEqual([...run, ...NOT_RUN].toSorted());
});

it.skipIf(missing.length > 0)('exceeded.sh prints what is exceeded, in the form that the document shows', async () => {
  const child = run('exceeded.sh');
  const { user, id } = await raiseUntilPrinted(child);
  const line =
    child
      .output()
      .split('\n')
      .find((one) => one.includes(id)) ?? '';
  expect(JSON.parse(line.slice('data: '.length))).toEqual({
    data: {
      usageExceeded: {
        id,
        data: {
          budgetId: expect.stringMatching(/^budget_/),
          subject: user,
          limit: '0.1',
          current: '0.12',
          unit: 'USD',
        },
      },
    },
  });
  expect(child.output()).toContain('event: next\ndata: {');
});

it('exceeded.js prints what is exceeded', async () => {
  const child = run('exceeded.js');
  const { user, id } = await raiseUntilPrinted(child);
  expect(child.output()).toMatch(new RegExp(`^${id}: 0.12 of 0.1 for ${user} \\(budget_\\w+\\)$`, 'm'));
});

it.each(['follow.js', 'follow.sh'])(
  '%s, killed and started again, prints what it missed, and nothing twice',
  async (name) => {
    if (name.endsWith('.sh') && missing.length > 0) return;
    const first = run(name);
    const seen = await raiseUntilPrinted(first);
    // The last of all: none is under way when it is killed.
    const { id: last } = await exceed();
    await waitUntil(`${name} has kept ${last}`, async () => (await keptBy(name)).includes(last));
    await first.end();
    const missed: Raised[] = [];
    for (let i = 0; i < 2; i++) missed.push(await exceed());
    const second = run(name);
    for (const { id } of missed) await second.prints(id);
    const now = await exceed();
    await second.prints(now.id);
    const printed = [...second.output().matchAll(/event_[0-9a-z]{26}/g)].map(([id]) => id);
    expect(printed).toEqual([...missed, now].map(({ id }) => id));
    expect(first.output()).toContain(seen.id);
  },
);

it.each(['urql.js', 'apollo.js'])(
  '%s goes on without a gap when the server is killed and started again',
  async (name) => {
    const child = run(name);
    const before = await raiseUntilPrinted(child);
    const other = await startMain({ DATABASE_URL: database.connectionString });
    try {
      await server.kill();
      meterr = createCalls(socketDoor(other.port), organization.key.secret);
      const missed = await exceed();
      server = await startMain({ DATABASE_URL: database.connectionString, PORT: String(server.port) });
      await child.prints(missed.id);
      const now = await exceed();
      await child.prints(now.id);
      const all = (await readEvents(meterr, organization.key.secret)).map(({ id }) => id);
      const printed = [...child.output().matchAll(/event_[0-9a-z]{26}/g)].map(([id]) => id);
      expect(printed).toContain(before.id);
      expect(printed).toEqual(all.slice(-printed.length));
    } finally {
      meterr = createCalls(socketDoor(server.port), organization.key.secret);
      await other.stop();
    }
  },
);

it('recorded.js prints each usage event of the provider', async () => {
  const child = run('recorded.js');
  const raised = await raiseUntil(child, (output) => output.includes('user-'));
  const [line = ''] = child.output().split('\n');
  expect(raised.map(({ user }) => `${user} gpt-4o 1000 + 500 tokens, 0.12`)).toContain(line);
});

it('spend.js prints what today has cost, and again when it has changed', async () => {
  const child = run('spend.js');
  const figures = () =>
    [...child.output().matchAll(/^\S+: (\S+) USD for (\d+) requests$/gm)].map(([, cost, count]) => ({
      cost,
      count: Number(count),
    }));
  await child.prints('a figure', () => figures().length > 0);
  const [at] = figures();
  await exceed();
  await child.prints('a second figure', () => figures().length > 1);
  expect(figures().at(-1)?.count).toBe((at?.count ?? 0) + 1);
});
