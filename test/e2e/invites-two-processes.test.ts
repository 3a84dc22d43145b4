import { expect, it } from 'vitest';
import { makeMember, makeOrganization, makeTeam } from '../harness/make.ts';
import { useTwoServers } from '../harness/processes/two-servers.ts';

const two = useTwoServers();

async function send(n: number, method: string, path: string, { key, body }: { key?: string; body?: object }) {
  const headers = { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) };
  const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
  const response = await fetch(`http://127.0.0.1:${two().server(n).port}${path}`, init);
  return { status: response.status, body: JSON.parse(await response.text()) };
}

it('of one token accepted at the same time on two processes, exactly one succeeds, again and again', async () => {
  const organization = await makeOrganization(two());
  const team = await makeTeam(two(), organization);
  const key = organization.key.secret;
  for (let round = 0; round < 5; round++) {
    const body = { email: `ann-${round}@example.com`, role: 'member' };
    const invited = await send(round, 'POST', `/v1/teams/${team.id}/invite`, { key, body });
    const token = new URL(invited.body.accept_url).searchParams.get('token');
    const accept = (n: number) => send(n, 'POST', '/v1/invites/accept', { body: { token, name: `Ann ${n}` } });
    const answers = await Promise.all([0, 1, 2, 3].map(accept));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 404, 404, 404]);
  }
  const { rows } = await two().sql.query(
    `SELECT (SELECT count(*) FROM members WHERE team_id = $1) AS members,
            (SELECT count(*) FROM api_keys WHERE team_id = $1) AS keys,
            (SELECT count(*) FROM events WHERE team_id = $1 AND type = 'invite.accepted') AS events`,
    [team.uuid],
  );
  expect(rows).toEqual([{ members: 5, keys: 5, events: 5 }]);
});

it('of two owners who demote or remove each other on two processes, exactly one succeeds', async () => {
  const organization = await makeOrganization(two());
  for (const [method, body] of [
    ['PATCH', { role: 'viewer' }],
    ['DELETE', undefined],
    ['PATCH', { role: 'admin' }],
  ] as const) {
    const team = await makeTeam(two(), organization);
    const owners = [
      await makeMember(two(), organization, team, 'owner'),
      await makeMember(two(), organization, team, 'owner'),
    ] as const;
    const pathOf = (i: 0 | 1) => `/v1/teams/${team.id}/members/${owners[i].id}`;
    const key = organization.key.secret;
    const options = { key, ...(body ? { body } : {}) };
    const answers = await Promise.all([send(0, method, pathOf(0), options), send(1, method, pathOf(1), options)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  }
});

it('demotion and removal count within one second on the other process, which knew the key', async () => {
  const organization = await makeOrganization(two());
  const team = await makeTeam(two(), organization);
  const member = await makeMember(two(), organization, team, 'admin');
  const path = `/v1/teams/${team.id}/members/${member.id}`;
  const admin = organization.key.secret;
  const asMember = { key: member.key.secret };
  const eventually = async (isDone: (answer: Awaited<ReturnType<typeof send>>) => boolean) => {
    const untilMs = performance.now() + 1_000;
    for (;;) {
      const answer = await send(1, 'GET', '/v1/me', asMember);
      if (isDone(answer)) return true;
      if (performance.now() > untilMs) return false;
    }
  };
  expect((await send(1, 'GET', '/v1/me', asMember)).body.scopes).toContain('teams:write');
  await send(0, 'PATCH', path, { key: admin, body: { role: 'viewer' } });
  expect(await eventually(({ body }) => !body.scopes.includes('teams:write'))).toBe(true);
  await send(0, 'DELETE', path, { key: admin });
  expect(await eventually(({ status }) => status === 401)).toBe(true);
});
