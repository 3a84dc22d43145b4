import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Calls, createCalls, socketDoor } from '../harness/calls.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { noId } from '../harness/operations.ts';
import { type MainProcess, startMain } from '../harness/processes/main-process.ts';
import { runCli } from '../harness/processes/run-cli.ts';
import { waitUntil } from '../harness/wait-until.ts';

// Keys and members, by the command line in a process of its own, against a server in one.

let database: TestDatabase;
let server: MainProcess;
let dataDir: string;
let env: Record<string, string>;
let calls: Calls;

beforeAll(async () => {
  database = await createTestDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'meterr-cli-'));
  server = await startMain({ DATABASE_URL: database.connectionString, METERR_DATA_DIR: dataDir });
  const key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
  env = { METERR_URL: server.url, METERR_API_KEY: key };
  calls = createCalls(socketDoor(server.port), key);
});
afterAll(async () => {
  await server.stop();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

async function shown(...args: string[]): Promise<string> {
  const { code, out, err } = await runCli(args, env);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
}

async function json<T>(...args: string[]): Promise<T> {
  return JSON.parse(await shown(...args, '--json'));
}

/** The value of one line of a thing. */
function lineOf(out: string, name: string): string {
  return new RegExp(`^${name.replace(/[()]/g, '\\$&')} {2,}(.*)$`, 'm').exec(out)?.[1] ?? '';
}

const statusOf = async (key: string) => (await calls.rest('GET', '/v1/me', { key })).status;
const SECRET = 'secret (shown once)';

describe('key', () => {
  it('creates a key that works, lists it without its secret, rotates and revokes it', async () => {
    const made = await shown('key', 'create', 'My app', '--preset', 'ingest', '--expires', '2099-01-01T00:00:00Z');
    const [id, first] = [lineOf(made, 'id'), lineOf(made, SECRET)];
    expect(lineOf(made, 'scopes')).toBe('usage:write');
    expect(lineOf(made, 'expires')).toBe('2099-01-01 00:00:00Z');
    expect(await statusOf(first)).toBe(200);
    const listed = await shown('key', 'list');
    expect(listed).toMatch(new RegExp(`^${id} +My app +${first.slice(-4)} +active +usage:write`, 'm'));
    expect(listed).not.toContain(first);
    await calls.ok('POST', '/v1/api-keys', { body: { name: 'Wide', preset: 'read' } });
    expect(await shown('key', 'list')).toMatch(/ Wide .* usage:read,costs:read,budgets:read and 6 more /);
    const rotated = await shown('key', 'rotate', id, '--grace', '3600');
    const second = lineOf(rotated, SECRET);
    expect(lineOf(rotated, 'old secret until')).toMatch(/Z$/);
    expect([await statusOf(first), await statusOf(second)]).toEqual([200, 200]);
    expect(lineOf(await shown('key', 'revoke', id), 'state')).toBe('revoked');
    await waitUntil(
      'both secrets are refused',
      async () => (await statusOf(first)) === 401 && (await statusOf(second)) === 401,
    );
  });

  it("prints the API's own JSON with --json", async () => {
    const team = await calls.ok<{ id: string }>('POST', '/v1/teams', { body: { name: 'Keyed' } });
    const options = ['--scopes', 'usage:write,usage:read', '--team', team.id];
    const made = await json<{ id: string; secret: string }>('key', 'create', 'Bound', ...options);
    expect(made).toMatchObject({
      scopes: ['usage:write', 'usage:read'],
      team_id: team.id,
      secret: expect.stringMatching(/^mtr_live_/),
    });
    const { data } = await json<{ data: { id: string }[] }>('key', 'list');
    expect(data.map(({ id }) => id)).toContain(made.id);
    expect(await json('key', 'rotate', made.id)).toMatchObject({
      id: made.id,
      secret: expect.stringMatching(/^mtr_live_/),
    });
    expect(await json('key', 'revoke', made.id)).toMatchObject({ id: made.id, revoked_at: expect.any(String) });
  });

  it.each<[string, string[], number, RegExp]>([
    ['an unknown scope', ['create', 'x', '--scopes', 'everything'], 1, /scopes/],
    ['scopes and a preset', ['create', 'x', '--scopes', 'admin', '--preset', 'read'], 2, /cannot be used with/],
    ['neither scopes nor a preset', ['create', 'x'], 1, /scopes|preset/],
    ['a grace that is too long', ['rotate', noId('key'), '--grace', '604801'], 2, /from 0 to 604800/],
    ['no such key', ['revoke', noId('key')], 1, /not_found/],
  ])('says in one line what is wrong: %s', async (_, args, code, pattern) => {
    const ended = await runCli(['key', ...args], env);
    expect(ended).toMatchObject({ code, out: '', err: expect.stringMatching(pattern) });
    expect(ended.err.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('member', () => {
  const accept = (url: string, name: string) =>
    calls.ok<{ member: { id: string } }>('POST', '/v1/invites/accept', {
      key: null,
      body: { token: new URL(url).searchParams.get('token'), name },
    });

  it('invites an address, lists who accepted, changes the role and removes the member', async () => {
    const team = lineOf(await shown('team', 'create', 'People'), 'id');
    expect(await shown('member', 'list', team)).toBe('The team has no members.\n');
    const invited = await shown('member', 'invite', team, 'Ada@Example.com', '--role', 'admin');
    expect(lineOf(invited, 'email')).toBe('ada@example.com');
    expect(lineOf(invited, 'mail')).toBe('off');
    const { member } = await accept(lineOf(invited, 'link to accept'), 'Ada');
    expect(await shown('member', 'list', team)).toMatch(
      new RegExp(`^${member.id} +ada@example\\.com +Ada +admin `, 'm'),
    );
    expect(lineOf(await shown('member', 'role', team, member.id, 'viewer'), 'role')).toBe('viewer');
    expect(lineOf(await shown('member', 'remove', team, member.id), 'id')).toBe(member.id);
    expect(await shown('member', 'list', team)).toBe('The team has no members.\n');
  });

  it("prints the API's own JSON with --json", async () => {
    const team = await json<{ id: string }>('team', 'create', 'More people');
    const invited = await json<{ accept_url: string }>('member', 'invite', team.id, 'bob@example.com');
    expect(invited).toMatchObject({ team_id: team.id, email: 'bob@example.com', role: 'member' });
    const { member } = await accept(invited.accept_url, 'Bob');
    expect((await json<{ data: object[] }>('member', 'list', team.id)).data).toMatchObject([
      { id: member.id, role: 'member' },
    ]);
    expect(await json('member', 'role', team.id, member.id, 'viewer')).toMatchObject({ id: member.id, role: 'viewer' });
    expect(await json('member', 'remove', team.id, member.id)).toMatchObject({ id: member.id });
  });

  it.each<[string, string[], number, RegExp]>([
    ['an unknown role', ['invite', noId('team'), 'a@example.com', '--role', 'boss'], 2, /owner, admin, member, viewer/],
    ['no such team', ['invite', noId('team'), 'a@example.com'], 1, /not_found/],
    ['no such member', ['remove', noId('team'), noId('member')], 1, /not_found/],
  ])('says in one line what is wrong: %s', async (_, args, code, pattern) => {
    const ended = await runCli(['member', ...args], env);
    expect(ended).toMatchObject({ code, out: '', err: expect.stringMatching(pattern) });
    expect(ended.err.trimEnd().split('\n')).toHaveLength(1);
  });
});
