import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Calls, createCalls, socketDoor } from '../harness/calls.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { EVENT } from '../harness/make.ts';
import { noId } from '../harness/operations.ts';
import { type MainProcess, startMain } from '../harness/processes/main-process.ts';
import { type CliResult, type RunningCli, runCli, startCli } from '../harness/processes/run-cli.ts';
import { waitUntil } from '../harness/wait-until.ts';

// The command line in a process of its own, against a server in a process of its own.

const OPERATOR_KEY = 'operator-key-of-the-tests';
let database: TestDatabase;
let server: MainProcess;
let dataDir: string;
let env: Record<string, string>;
let calls: Calls;
const running: RunningCli[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'meterr-cli-'));
  server = await startMain({
    DATABASE_URL: database.connectionString,
    METERR_DATA_DIR: dataDir,
    METERR_OPERATOR_KEY: OPERATOR_KEY,
  });
  const key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
  env = {
    METERR_URL: server.url,
    METERR_API_KEY: key,
    METERR_OPERATOR_KEY: OPERATOR_KEY,
    METERR_DATA_DIR: '/nonexistent',
  };
  calls = createCalls(socketDoor(server.port), key);
});
afterAll(async () => {
  for (const one of running) one.signal('SIGKILL');
  await server.stop();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

const cli = (...args: string[]) => runCli(args, env);

async function json<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await cli(...args, '--json');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out);
}

/** The values of a thing that was shown as lines. */
function valuesOf({ code, out, err }: CliResult): Record<string, string> {
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const lines = out.trimEnd().split('\n');
  return Object.fromEntries(lines.map((line) => line.split(/ {2,}/, 2) as [string, string]));
}

/** The rows of a table, by their headings. */
function rowsOf({ code, out, err }: CliResult): Record<string, string>[] {
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const [head = '', ...lines] = out.trimEnd().split('\n');
  const starts = [...head.matchAll(/(?<= {2}|^)\S/g)].map(({ index }) => index);
  const cut = (line: string) => starts.map((start, at) => line.slice(start, starts[at + 1]).trim());
  const names = cut(head);
  return lines.map((line) => Object.fromEntries(cut(line).map((text, at) => [names[at], text])));
}

describe('status', () => {
  it('says that the server is ready, whose key it is and what the plan has left', async () => {
    const shown = valuesOf(await cli('status'));
    expect(shown).toMatchObject({
      server: `${server.url}, ready`,
      plan: 'enterprise: no limit on requests',
      scopes: 'admin',
      'operator key': 'accepted',
    });
    const me = await calls.ok('GET', '/v1/me');
    expect(await json('status')).toEqual({ url: server.url, ready: true, me, operator: true });
  });

  it('finds the first key of a server on this machine where none is given, and works without any', async () => {
    const { METERR_URL } = env as { METERR_URL: string };
    const found = await runCli(['status', '--json'], { METERR_URL, METERR_DATA_DIR: dataDir });
    expect(JSON.parse(found.out).me.scopes).toEqual(['admin']);
    const none = await runCli(['status'], { METERR_URL, METERR_DATA_DIR: '/nonexistent' });
    expect(none).toMatchObject({ code: 0, err: '' });
    expect(none.out).toContain('none given: set METERR_API_KEY or --key');
  });
});

describe('org', () => {
  it('creates an organization whose key works, lists it, changes its plan, suspends and activates it', async () => {
    const made = valuesOf(await cli('org', 'create', 'Acme & Söhne', '--plan', 'pro'));
    expect(made).toMatchObject({
      id: expect.stringMatching(/^org_/),
      name: 'Acme & Söhne',
      plan: 'pro',
      status: 'active',
    });
    const { id = '' } = made;
    const own = { ...env, METERR_API_KEY: made['secret (shown once)'] ?? '' };
    expect(valuesOf(await runCli(['status'], own)).plan).toMatch(/^pro: \d+ of 1000 requests left until \S+ \S+Z$/);
    expect(rowsOf(await cli('org', 'list'))[0]).toMatchObject({ ID: id, NAME: 'Acme & Söhne', PLAN: 'pro' });
    expect(valuesOf(await cli('org', 'plan', id, 'enterprise'))).toMatchObject({ id, plan: 'enterprise' });
    expect(valuesOf(await cli('org', 'suspend', id))).toMatchObject({ id, status: 'suspended' });
    expect(await runCli(['team', 'list'], own)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('suspended'),
    });
    expect(valuesOf(await cli('org', 'activate', id))).toMatchObject({ id, status: 'active' });
    expect(await runCli(['team', 'list'], own)).toMatchObject({ code: 0 });
  });

  it('changes what is asked and nothing else, and grants credits that the organization then has', async () => {
    const made = await json<{ id: string; api_key: { secret: string } }>('org', 'create', 'Before', '--plan', 'pro');
    const { id, api_key: key } = made;
    const options = ['--credits', 'prepaid', '--credits-by', 'operator', '--retention-days', '30'];
    expect(valuesOf(await cli('org', 'update', id, ...options))).toMatchObject({
      name: 'Before',
      plan: 'pro',
      credits: 'prepaid',
      'credits by': 'operator',
      'retention days': '30',
    });
    const renamed = await json<object>('org', 'update', id, '--name', 'After', '--retention-days', 'none');
    expect(renamed).toMatchObject({ name: 'After', plan: 'pro', credits_by: 'operator', retention_days: null });
    expect(valuesOf(await cli('org', 'grant', id, '12.50', '--note', 'welcome'))).toMatchObject({
      amount: '12.5 USD',
      note: 'welcome',
    });
    expect(await json('org', 'grant', id, '1', '--expires', '2099-01-01T00:00:00Z')).toMatchObject({ amount: '1' });
    expect(await calls.ok('GET', '/v1/credits', { key: key.secret })).toMatchObject({ available: '13.5' });
  });

  it("prints the API's own JSON with --json", async () => {
    const made = await json<{ id: string; api_key: object }>('org', 'create', 'Plain', '--credits', 'prepaid');
    expect(made).toMatchObject({
      name: 'Plain',
      plan: 'free',
      credits: 'prepaid',
      api_key: { secret: expect.any(String) },
    });
    const { api_key: _, ...organization } = made;
    const { data } = await json<{ data: object[] }>('org', 'list');
    expect(data[0]).toEqual(organization);
    expect(await json('org', 'plan', made.id, 'pro')).toEqual({ ...organization, plan: 'pro' });
    expect(await json('org', 'suspend', made.id)).toMatchObject({ status: 'suspended' });
    expect(await json('org', 'activate', made.id)).toMatchObject({ status: 'active' });
  });
});

describe('team', () => {
  it('creates, lists and deletes a team', async () => {
    const { id = '' } = valuesOf(await cli('team', 'create', 'Research'));
    expect(rowsOf(await cli('team', 'list'))).toMatchObject([{ ID: id, NAME: 'Research' }]);
    expect((await json<{ data: object[] }>('team', 'list')).data).toMatchObject([{ id, name: 'Research' }]);
    expect(valuesOf(await cli('team', 'delete', id)).deleted).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/);
    expect(await cli('team', 'list')).toEqual({ code: 0, out: 'There are no teams.\n', err: '' });
    const second = await json<{ id: string }>('team', 'create', 'Second');
    expect(await json('team', 'delete', second.id)).toMatchObject({ id: second.id, deleted_at: expect.any(String) });
  });

  it('reads as many pages as its limit takes, and says when there is more', async () => {
    for (let i = 0; i < 101; i++) await calls.ok('POST', '/v1/teams', { body: { name: `Team ${i}` } });
    const all = await json<{ data: { name: string }[]; has_more: boolean }>('team', 'list', '--limit', '500');
    expect(all.data.map(({ name }) => name)).toEqual(Array.from({ length: 101 }, (_, i) => `Team ${100 - i}`));
    expect(all.has_more).toBe(false);
    const some = await cli('team', 'list', '--limit', '3');
    expect(some.out.trimEnd().split('\n')).toHaveLength(4);
    expect(some.err).toBe('These are the newest 3. Ask for more with --limit.\n');
  });

  it('shows a name that would command the terminal as harmless text', async () => {
    const name = 'red \u001b[31m and \u009b2J';
    await calls.ok('POST', '/v1/teams', { body: { name } });
    const { out } = await cli('team', 'list', '--limit', '1');
    expect(out).toContain('red \uFFFD[31m and \uFFFD2J');
    expect((await json<{ data: { name: string }[] }>('team', 'list', '--limit', '1')).data[0]?.name).toBe(name);
  });
});

describe('budget', () => {
  it('creates budgets of each kind and lists them', async () => {
    const team = await calls.ok<{ id: string }>('POST', '/v1/teams', { body: { name: 'Thrifty' } });
    const options = [
      '--amount',
      '12.50',
      '--period',
      'week',
      '--timezone',
      'Asia/Kolkata',
      '--block',
      '--team',
      team.id,
    ];
    const made = valuesOf(await cli('budget', 'create', 'Weekly', ...options, '--thresholds', '50,90'));
    expect(made).toMatchObject({
      name: 'Weekly',
      limit: '12.5 USD',
      period: 'week',
      action: 'block',
      scope: `team_id=${team.id}`,
    });
    const counted = await json<object>(
      'budget',
      'create',
      'Tokens',
      '--tokens',
      '1000',
      '--per',
      'user',
      '--period',
      'day',
    );
    expect(counted).toMatchObject({ tokens: 1000, per: 'user', period: 'day', amount: null });
    const names = ['Tokens', 'Weekly'];
    expect(rowsOf(await cli('budget', 'list')).map(({ NAME }) => NAME)).toEqual(names);
    const listed = await json<{ data: { name: string; thresholds: number[] }[] }>('budget', 'list');
    expect(listed.data.map(({ name }) => name)).toEqual(names);
    expect(listed.data[1]?.thresholds).toEqual([50, 90]);
  });
});

describe('tail', () => {
  async function exceed(model: string): Promise<void> {
    const scope = { model };
    await calls.ok('POST', '/v1/budgets', { body: { name: model, tokens: 10, period: 'total', scope } });
    await calls.ok('POST', '/v1/usage', { body: { ...EVENT, model } });
  }

  it('shows what happened before, a usage.exceeded that is raised while it runs, and ends by Ctrl-C with 0', async () => {
    await exceed('first');
    const tail = startCli(['tail', '--type', 'usage.exceeded'], env);
    running.push(tail);
    await waitUntil('the earlier event is shown', () => tail.out().includes('usage.exceeded'));
    const before = tail.out().split('\n').length;
    await exceed('second');
    await waitUntil('the new event is shown', () => tail.out().split('\n').length > before);
    await exceed('third');
    await waitUntil('the next event is shown', () => tail.out().split('\n').length > before + 1);
    tail.signal('SIGINT');
    const { code, out, err } = await tail.ended;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines)
      expect(line).toMatch(/^\d{4}-\d\d-\d\d \S+Z {2}usage\.exceeded +event_\w{26} .*limit=10 current=1500/);
    expect(new Set(lines).size).toBe(3);
  });

  it('writes a line of JSON for each event, as the API has it, oldest first', async () => {
    const tail = startCli(['tail', '--json', '--last', '2'], env);
    running.push(tail);
    await waitUntil('two events are shown', () => tail.out().split('\n').length > 2);
    tail.signal('SIGTERM');
    const { code, out } = await tail.ended;
    const { data } = await calls.ok<{ data: object[] }>('GET', '/v1/events?limit=2');
    expect(code).toBe(0);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(data.reverse());
  });

  it('begins with what comes from now on, with --last 0', async () => {
    const tail = startCli(['tail', '--json', '--last', '0'], env);
    running.push(tail);
    // It has read once when what is made now is new to it: until then it is made again.
    let made = 0;
    await waitUntil('a new event is shown', async () => {
      if (tail.out() === '') await exceed(`zero-${made++}`);
      return tail.out() !== '';
    });
    tail.signal('SIGINT');
    const { code, out } = await tail.ended;
    const [first = ''] = out.split('\n');
    expect(code).toBe(0);
    expect(JSON.parse(first).event).toMatch(/^(usage\.|budget\.)/);
  });

  it('waits for a server that is away, and goes on where it was', async () => {
    const own = await json<{ id: string; api_key: { secret: string } }>(
      'org',
      'create',
      'Patient',
      '--plan',
      'enterprise',
    );
    const key = own.api_key.secret;
    let isDown = true;
    let dropped = 0;
    // A server that is away for a while, between the command and the real one.
    const front = createServer(async (request, response) => {
      if (isDown && request.url?.includes('limit=100')) {
        dropped++;
        return void response.destroy();
      }
      const answer = await fetch(`${server.url}${request.url}`, { headers: { authorization: `Bearer ${key}` } });
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
    });
    front.listen(0, '127.0.0.1');
    await waitUntil('it listens', () => front.listening);
    const METERR_URL = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const tail = startCli(['tail'], { METERR_URL, METERR_API_KEY: key });
    running.push(tail);
    await waitUntil('it was away twice', () => dropped >= 2);
    await calls.ok('POST', '/v1/budgets', { key, body: { name: 'x', tokens: 10, period: 'day' } });
    await calls.ok('POST', '/v1/usage', { key, body: EVENT });
    isDown = false;
    await waitUntil('what was raised is shown', () => tail.out().includes('usage.exceeded'));
    tail.signal('SIGINT');
    const { code, err } = await tail.ended;
    expect(code).toBe(0);
    expect(err).toMatch(/^meterr: \S+ cannot be reached: .* Trying again\.\n$/);
    front.close();
  });

  it('goes on where the event that it read last is no longer in the log', async () => {
    const made = await json<{ id: string; api_key: { secret: string } }>(
      'org',
      'create',
      'Short',
      '--plan',
      'enterprise',
    );
    const key = made.api_key.secret;
    const raise = async (model: string) => {
      await calls.ok('POST', '/v1/budgets', {
        key,
        body: { name: model, tokens: 10, period: 'day', scope: { model } },
      });
      await calls.ok('POST', '/v1/usage', { key, body: { ...EVENT, model } });
    };
    await raise('kept-a-while');
    const tail = startCli(['tail', '--json', '--type', 'usage.exceeded'], {
      METERR_URL: server.url,
      METERR_API_KEY: key,
    });
    running.push(tail);
    await waitUntil('the first is shown', () => tail.out().includes('usage.exceeded'));
    const client = new pg.Client(database.connectionString);
    await client.connect();
    await client.query('DELETE FROM events WHERE type = $1', ['usage.exceeded']);
    await client.end();
    await raise('new');
    await waitUntil('the second is shown', () => tail.out().trimEnd().split('\n').length === 2);
    tail.signal('SIGINT');
    expect(await tail.ended).toMatchObject({ code: 0, err: '' });
  });
});

describe('what fails ends with one clear line', () => {
  const line = (err: string) => {
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    return err;
  };

  it.each<[string, string[], RegExp]>([
    ['no such team', ['team', 'delete', noId('team')], /^meterr: not_found: .+ \(HTTP 404, request \S+\)$/m],
    ['a field that is wrong', ['team', 'create', ''], /^meterr: invalid_request: name: .+ \(HTTP 400, request \S+\)$/m],
    [
      'a team that may not be seen',
      ['budget', 'create', 'x', '--amount', '1', '--team', noId('team')],
      /scope\.team_id: /,
    ],
    ['a wrong key', ['team', 'list', '--key', 'wrong'], /^meterr: invalid_api_key: .+ \(HTTP 401, request \S+\)$/m],
    ['a key that no header can carry', ['team', 'list', '--key', 'a\nb'], /^meterr: invalid_api_key: /],
    ['a wrong operator key', ['org', 'list', '--operator-key', 'wrong-operator-key'], /^meterr: invalid_api_key: /],
    [
      'an unreachable server',
      ['status', '--url', 'http://127.0.0.1:1'],
      /^meterr: http:\/\/127\.0\.0\.1:1 cannot be reached: /,
    ],
    ['another path on the server', ['team', 'list', '--url', 'URL/health'], /^meterr: .+ \(HTTP 404/],
    ['tail with a wrong key', ['tail', '--key', 'wrong'], /^meterr: invalid_api_key: /],
  ])('%s: exit code 1', async (_, args, pattern) => {
    const { code, out, err } = await cli(...args.map((arg) => arg.replace('URL', server.url)));
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(line(err)).toMatch(pattern);
  });

  it.each<[string, string[], RegExp]>([
    ['an unknown command', ['teams'], /^meterr: unknown command 'teams'/],
    ['an unknown option', ['team', 'list', '--colour', 'red'], /^meterr: unknown option '--colour'/],
    ['a missing argument', ['team', 'create'], /^meterr: missing required argument 'name'/],
    ['too many arguments', ['team', 'create', 'a', 'b'], /^meterr: too many arguments/],
    ['an unknown plan', ['org', 'plan', noId('org'), 'gold'], /^meterr: .*'gold' is invalid .*free, pro, enterprise/],
    ['days that are none', ['org', 'update', noId('org'), '--retention-days', '0'], /^meterr: .*from 1 to 36500/],
    ['a limit of 0', ['team', 'list', '--limit', '0'], /^meterr: .*must be a whole number from 1 to 10000/],
    ['a budget without a limit', ['budget', 'create', 'x'], /^meterr: A budget needs --amount or --tokens/],
    ['two limits', ['budget', 'create', 'x', '--amount', '1', '--tokens', '1'], /cannot be used with option/],
    [
      'a URL that is none',
      ['status', '--url', 'localhost:4000'],
      /^meterr: "localhost:4000" is not the URL of a server/,
    ],
  ])('%s: exit code 2', async (_, args, pattern) => {
    const { code, out, err } = await cli(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(line(err)).toMatch(pattern);
  });

  it('a missing key: exit code 2, and where to get one', async () => {
    const bare = { METERR_URL: server.url, METERR_DATA_DIR: '/nonexistent' };
    expect(await runCli(['team', 'list'], bare)).toMatchObject({
      code: 2,
      err: expect.stringContaining('METERR_API_KEY'),
    });
    expect(await runCli(['org', 'list'], bare)).toMatchObject({
      code: 2,
      err: expect.stringContaining('METERR_OPERATOR_KEY'),
    });
  });

  it('several fields: each has a line, and the exit code is 1', async () => {
    const { code, err } = await cli('budget', 'create', 'x', '--amount', 'abc', '--timezone', 'Nowhere');
    expect(code).toBe(1);
    expect(err).toMatch(/^meterr: invalid_request: .*\n {2}amount: .*\n {2}timezone: .*\n$/);
  });

  it('a server that is not Meterr, and one that redirects', async () => {
    const other = createServer((request, response) => {
      if (request.url?.startsWith('/v1')) response.writeHead(302, { location: 'https://example.com/' }).end();
      else response.end('<html>');
    });
    other.listen(0, '127.0.0.1');
    await waitUntil('it listens', () => other.listening);
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    expect(await cli('status', '--url', url)).toMatchObject({ code: 1, err: expect.stringContaining('is not Meterr') });
    expect(await cli('team', 'list', '--url', url)).toMatchObject({
      code: 1,
      err: expect.stringContaining('a redirect to'),
    });
    other.close();
  });
});

describe('help', () => {
  const GROUPS = {
    org: ['create', 'list', 'plan', 'update', 'grant', 'suspend', 'activate'],
    key: ['create', 'list', 'rotate', 'revoke'],
    team: ['create', 'list', 'delete'],
    member: ['list', 'invite', 'role', 'remove'],
    budget: ['create', 'list'],
  };
  const COMMANDS = [
    ['status'],
    ['tail'],
    ...Object.entries(GROUPS).flatMap(([noun, verbs]) => verbs.map((verb) => [noun, verb])),
  ];

  it.each(COMMANDS.map((words) => [words.join(' ')]))(
    '%s says what it does, and has an example that is such a command',
    async (name) => {
      const { code, out, err } = await cli(...name.split(' '), '--help');
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(new RegExp(`^Usage: meterr ${name} .*\\n\\n\\w.{15}`));
      expect(out).toMatch(new RegExp(`\\nExamples?:\\n  \\$ npm run -s meterr -- ${name}( .*)?\\n`));
    },
  );

  it('shows every command to whoever asks nothing, with exit code 2', async () => {
    const { code, err } = await cli();
    expect(code).toBe(2);
    for (const noun of [...Object.keys(GROUPS), 'status', 'tail'])
      expect(err).toMatch(new RegExp(`^ {2}${noun} `, 'm'));
  });
});
