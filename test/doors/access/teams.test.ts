import { describe, expect, it } from 'vitest';
import type { ListAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, makeKey, makeOrganization, makeTeam } from '../../harness/make.ts';

interface TeamAnswer {
  id: string;
  name: string;
  created_at: string;
  updated_at: string;
  deleted_at: string | null;
}

const meterr = useTestApp();
const NO_TEAM = 'team_01h455vb4pex5vsknk084sn02q';
const ofName = (name: unknown) => ({ body: { name } });
const create = (name: string, key?: string) => meterr().ok<TeamAnswer>('POST', '/v1/teams', { ...ofName(name), key });

describe('a team', () => {
  it('is made, read, renamed and deleted, the same in both doors', async () => {
    const { rest, ok, data, gql, clock } = meterr();
    const made = await rest<TeamAnswer>('POST', '/v1/teams', ofName('  Research  '));
    expect(made.status).toBe(201);
    const created = { id: expect.stringMatching(/^team_/), name: 'Research', deleted_at: null };
    expect(made.body).toMatchObject({ ...created, created_at: new Date(clock.now()).toISOString() });
    const path = `/v1/teams/${made.body.id}`;
    expect(await ok('GET', path)).toEqual(made.body);
    const query = 'query ($id: ID!) { team(id: $id) { id name createdAt updatedAt deletedAt } node(id: $id) { id } }';
    const { id } = made.body;
    expect(await data(query, { id })).toMatchObject({ team: { id, name: 'Research' }, node: { id } });

    clock.advance(1_000);
    const renamed = await ok<TeamAnswer>('PATCH', path, ofName('Labs'));
    const updatedAt = new Date(clock.now()).toISOString();
    expect(renamed).toEqual({ ...made.body, name: 'Labs', updated_at: updatedAt });
    expect(await ok('PATCH', path, { body: {} })).toEqual(renamed);

    const deletion = 'mutation ($input: DeleteTeamInput!) { deleteTeam(input: $input) { id name deletedAt } }';
    expect(await data(deletion, { input: { id } })).toEqual({ deleteTeam: { id, name: 'Labs', deletedAt: updatedAt } });
    for (const method of ['GET', 'DELETE', 'PATCH']) {
      const gone = await rest(method, path, method === 'PATCH' ? ofName('Again') : {});
      expect({ status: gone.status, code: gone.error?.code }).toEqual({ status: 404, code: 'not_found' });
    }
    expect((await gql(query, { id })).error?.code).toBe('not_found');
  });

  it.each<[string, unknown]>([
    ['no name', undefined],
    ['an empty name', ''],
    ['a name of white space', ' \n '],
    ['a name of 101 characters', 'x'.repeat(101)],
    ['a name with NUL', 'a\0b'],
    ['half of a surrogate pair', 'a\ud800'],
    ['a number as its name', 7],
  ])('is refused with %s', async (_, name) => {
    const { status, error } = await meterr().rest('POST', '/v1/teams', ofName(name));
    expect({ status, code: error?.code }).toEqual({ status: 400, code: 'invalid_request' });
    expect(error?.details.fields?.[0]?.path).toBe('name');
  });

  it('may have a name of 100 characters, of any script', async () => {
    const name = '🦉'.repeat(100);
    expect((await create(name)).name).toBe(name);
  });

  it('is not there for another organization', async () => {
    const { id } = await create('Ours');
    const { key } = await makeOrganization(meterr());
    const theirs = { key: key.secret };
    for (const [method, options] of [
      ['GET', theirs],
      ['DELETE', theirs],
      ['PATCH', { ...theirs, ...ofName('x') }],
    ] as const) {
      const answer = await meterr().rest(method, `/v1/teams/${id}`, options);
      const missing = await meterr().rest(method, `/v1/teams/${NO_TEAM}`, options);
      expect([answer.status, answer.text]).toEqual([404, missing.text]);
    }
    expect((await meterr().ok<ListAnswer<TeamAnswer>>('GET', '/v1/teams', theirs)).data).toEqual([]);
  });
});

describe('names', () => {
  it('of living teams are unique in an organization: conflict', async () => {
    const { rest, gql } = meterr();
    const first = await create('Unique');
    const taken = await rest('POST', '/v1/teams', ofName('Unique '));
    expect({ status: taken.status, code: taken.error?.code }).toEqual({ status: 409, code: 'conflict' });
    const other = await create('Other');
    const renamed = await gql('mutation ($input: UpdateTeamInput!) { updateTeam(input: $input) { id } }', {
      input: { id: other.id, name: 'Unique' },
    });
    expect(renamed.error?.code).toBe('conflict');
    await meterr().ok('DELETE', `/v1/teams/${first.id}`);
    expect((await create('Unique')).id).not.toBe(first.id);
    const { key } = await makeOrganization(meterr());
    expect((await create('Unique', key.secret)).name).toBe('Unique');
  });

  it('are taken once, however many ask at the same time', async () => {
    const { rest } = meterr();
    const answers = await Promise.all(Array.from({ length: 20 }, () => rest('POST', '/v1/teams', ofName('Race'))));
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    expect({ made: count(201), refused: count(409) }).toEqual({ made: 1, refused: 19 });
  });
});

it('teams are listed newest first, in pages', async () => {
  const { ok, data, rest, clock } = meterr();
  const { key } = await makeOrganization(meterr());
  const made: string[] = [];
  for (let i = 0; i < 5; i++) {
    clock.advance(1);
    made.unshift((await create(`Team ${i}`, key.secret)).id);
  }
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const page = await ok<ListAnswer<TeamAnswer>>('GET', `/v1/teams?limit=2${cursor}`, { key: key.secret });
    seen.push(...page.data.map(({ id }) => id));
    if (!page.has_more) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  expect(seen).toEqual(made);
  const query = '{ teams(first: 2) { edges { node { id } } pageInfo { hasNextPage } } }';
  const { teams } = await data<{ teams: { edges: { node: { id: string } }[] } }>(query, null, { key: key.secret });
  expect(teams.edges.map(({ node }) => node.id)).toEqual(made.slice(0, 2));
  for (const question of ['limit=0', 'limit=101', 'cursor=nonsense', 'colour=red']) {
    expect((await rest('GET', `/v1/teams?${question}`)).status).toBe(400);
  }
});

describe('a key that is bound to a team', () => {
  it('sees and renames that team only, and neither makes nor deletes any', async () => {
    const { rest, ok, organization } = meterr();
    const own = await makeTeam(meterr(), organization, { name: 'Own' });
    const other = await makeTeam(meterr(), organization, { name: 'Not own' });
    const { secret: key } = await makeKey(meterr(), organization, { scopes: ['admin'], team: own });
    const list = await ok<ListAnswer<TeamAnswer>>('GET', '/v1/teams', { key });
    expect(list.data.map(({ id }) => id)).toEqual([own.id]);
    expect((await rest('GET', `/v1/teams/${other.id}`, { key })).status).toBe(404);
    expect((await rest('PATCH', `/v1/teams/${other.id}`, { key, ...ofName('x') })).status).toBe(404);
    expect((await rest('PATCH', `/v1/teams/${own.id}`, { key, ...ofName('Renamed') })).status).toBe(200);
    for (const answer of [
      await rest('POST', '/v1/teams', { key, ...ofName('New') }),
      await rest('DELETE', `/v1/teams/${own.id}`, { key }),
      await rest('DELETE', `/v1/teams/${other.id}`, { key }),
    ]) {
      expect({ status: answer.status, code: answer.error?.code }).toEqual({
        status: 403,
        code: 'insufficient_permissions',
      });
    }
  });

  it('ends with its team, whose usage stays', async () => {
    const { rest, ok, organization } = meterr();
    const team = await create('Short-lived');
    const uuid = (await meterr().sql.query(`SELECT id FROM teams WHERE name = 'Short-lived'`)).rows[0].id;
    const { secret: key } = await makeKey(meterr(), organization, { scopes: ['usage:write'], team: { uuid } });
    await ok('POST', '/v1/usage', { key, body: EVENT });
    await ok('DELETE', `/v1/teams/${team.id}`);
    expect((await rest('POST', '/v1/usage', { key, body: EVENT })).status).toBe(401);
    const late = await rest('POST', '/v1/usage', { body: { ...EVENT, team_id: team.id } });
    expect({ status: late.status, path: late.error?.details.fields?.[0]?.path }).toEqual({
      status: 400,
      path: 'team_id',
    });
    const usage = await ok<{ totals: { requests: number } }>('GET', `/v1/usage?team_id=${team.id}`);
    expect(usage.totals.requests).toBe(1);
  });
});

describe('the audit log', () => {
  it('says who changed what, from what to what, newest first, in both doors', async () => {
    const { ok, data, organization, clock } = meterr();
    const team = await create('Audited');
    const { secret: key, id: keyId } = await makeKey(meterr(), organization, { scopes: ['teams:write'] });
    clock.advance(1);
    await ok('PATCH', `/v1/teams/${team.id}`, { key, ...ofName('Audited twice') });
    await ok('PATCH', `/v1/teams/${team.id}`, { key, ...ofName('Audited twice') });
    clock.advance(1);
    await ok('DELETE', `/v1/teams/${team.id}`);
    const log = await ok<ListAnswer<{ target_id: string }>>('GET', '/v1/audit-log');
    const entries = log.data.filter((entry) => entry.target_id === team.id);
    const admin = organization.key.id;
    const [first, second] = [{ name: 'Audited' }, { name: 'Audited twice' }];
    expect(entries).toMatchObject([
      { action: 'team.deleted', actor_key_id: admin, before: second, after: null },
      { action: 'team.updated', actor_key_id: keyId, before: first, after: second },
      { action: 'team.created', actor_key_id: admin, before: null, after: first },
    ]);
    const query = '{ auditLog(first: 1) { edges { node { id action targetId actorKeyId before after } } } }';
    const deleted = { action: 'team.deleted', targetId: team.id, actorKeyId: admin, before: second, after: null };
    expect(await data(query)).toMatchObject({ auditLog: { edges: [{ node: deleted }] } });
  });

  it('shows a key that is bound to a team what was done to that team', async () => {
    const { ok, organization } = meterr();
    const team = await makeTeam(meterr(), organization, { name: 'Watched' });
    const { secret: key } = await makeKey(meterr(), organization, { scopes: ['admin'], team });
    await create('Unwatched');
    await ok('PATCH', `/v1/teams/${team.id}`, ofName('Watched well'));
    const { data } = await ok<ListAnswer<{ action: string; target_id: string }>>('GET', '/v1/audit-log', { key });
    expect(data).toMatchObject([{ action: 'team.updated', target_id: team.id }]);
  });

  it('has no entry of a change that failed', async () => {
    const { rest, sql } = meterr();
    const count = async () => (await sql.query('SELECT count(*) FROM audit_entries')).rows[0].count;
    await create('Taken');
    const before = await count();
    expect((await rest('POST', '/v1/teams', ofName('Taken'))).status).toBe(409);
    expect(await count()).toBe(before);
  });
});
