import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_NOW } from '../harness/app.ts';
import type { Calls } from '../harness/calls.ts';
import { type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { useTwoServers } from '../harness/processes/two-servers.ts';
import { waitUntil } from '../harness/wait-until.ts';

// What one process does to a key counts in another within a second, by itself.

const servers = useTwoServers();
const WITHIN_MS = 1_000;
let organization: MadeOrganization;

interface KeyAnswer {
  id: string;
  secret: string;
  revoked_at: string | null;
}

beforeAll(async () => {
  organization = await makeOrganization(servers());
});

const [first, second] = [() => servers().server(0), () => servers().server(1)];

async function codeAt({ rest }: Calls, key: string): Promise<string | null> {
  return (await rest('GET', '/v1/me', { key })).error?.code ?? null;
}

function change<T = KeyAnswer>(method: string, path: string, body?: object): Promise<T> {
  return first().ok<T>(method, `/v1/api-keys${path}`, { key: organization.key.secret, body });
}

/** A key that both processes have met, and remember. */
async function makeKnown(body: { scopes?: string[]; team_id?: string; expires_at?: string } = {}): Promise<KeyAnswer> {
  const key = await change('POST', '', { name: 'Known', ...(body.scopes ? {} : { preset: 'ingest' }), ...body });
  for (const server of [first(), second()]) {
    for (let i = 0; i < 2; i++) expect(await codeAt(server, key.secret)).toBeNull();
  }
  return key;
}

/** Both refuse with this code: the process that made the change at once, the other within a second. */
async function expectRefused(secret: string, code: string): Promise<void> {
  const startMs = performance.now();
  expect(await codeAt(first(), secret)).toBe(code);
  await waitUntil('the other process refuses', async () => (await codeAt(second(), secret)) !== null);
  expect(performance.now() - startMs).toBeLessThan(WITHIN_MS);
  expect(await codeAt(second(), secret)).toBe(code);
}

describe('a key that one process knows is refused by it within a second after another', () => {
  it('revoked it', async () => {
    const key = await makeKnown();
    await change('DELETE', `/${key.id}`);
    await expectRefused(key.secret, 'invalid_api_key');
  });

  it('rotated it without grace, and the new secret is accepted by both', async () => {
    const key = await makeKnown();
    const { secret } = await change('POST', `/${key.id}/rotate`);
    await expectRefused(key.secret, 'invalid_api_key');
    for (const server of [first(), second()]) expect(await codeAt(server, secret)).toBeNull();
  });

  it('rotated it with grace, from the end of the grace on', async () => {
    const key = await makeKnown();
    const { secret } = await change('POST', `/${key.id}/rotate`, { grace_seconds: 60 });
    const graceMs = Date.parse(DEFAULT_NOW) + 60_000;
    // By then the other process knows of the rotation, which nothing else shows.
    await waitUntil('both know the new secret', async () => (await codeAt(second(), secret)) === null);
    await servers().setNow(graceMs - 1);
    for (const server of [first(), second()]) expect(await codeAt(server, key.secret)).toBeNull();
    await servers().setNow(graceMs);
    await expectRefused(key.secret, 'invalid_api_key');
    for (const server of [first(), second()]) expect(await codeAt(server, secret)).toBeNull();
    await servers().setNow(DEFAULT_NOW);
  });

  it('rotated it twice, though the grace of the first rotation is not over', async () => {
    const key = await makeKnown();
    const rotate = () => change('POST', `/${key.id}/rotate`, { grace_seconds: 3_600 });
    const [second2, third] = [await rotate(), await rotate()];
    await expectRefused(key.secret, 'invalid_api_key');
    for (const { secret } of [second2, third]) expect(await codeAt(second(), secret)).toBeNull();
  });

  it('let it expire sooner', async () => {
    const key = await makeKnown({ expires_at: '2030-01-01T00:00:00Z' });
    const soonMs = Date.parse(DEFAULT_NOW) + 1_000;
    await change('PATCH', `/${key.id}`, { expires_at: new Date(soonMs).toISOString() });
    await servers().setNow(soonMs);
    await expectRefused(key.secret, 'expired_api_key');
    await servers().setNow(DEFAULT_NOW);
  });

  it('deleted its team', async () => {
    const admin = { key: organization.key.secret };
    const team = await first().ok<{ id: string }>('POST', '/v1/teams', { ...admin, body: { name: 'Short-lived' } });
    const key = await makeKnown({ team_id: team.id });
    await first().ok('DELETE', `/v1/teams/${team.id}`, admin);
    await expectRefused(key.secret, 'invalid_api_key');
  });
});

it('a key that was refused as expired is accepted within a second after another process gave it more time', async () => {
  const soonMs = Date.parse(DEFAULT_NOW) + 1_000;
  const key = await makeKnown({ expires_at: new Date(soonMs).toISOString() });
  await servers().setNow(soonMs);
  await expectRefused(key.secret, 'expired_api_key');
  await change('PATCH', `/${key.id}`, { expires_at: null });
  await waitUntil('the other process accepts it', async () => (await codeAt(second(), key.secret)) === null);
  await servers().setNow(DEFAULT_NOW);
});

it('of rotations in both processes at once exactly the newest two secrets work, in both', async () => {
  const key = await makeKnown();
  const options = { key: organization.key.secret, body: { grace_seconds: 3_600 } };
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, n) =>
      servers().server(n).rest<KeyAnswer>('POST', `/v1/api-keys/${key.id}/rotate`, options),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200));
  const secrets = answers.map(({ body }) => body.secret);
  const acceptedBy = async (server: Calls) => {
    const codes = await Promise.all(secrets.map((secret) => codeAt(server, secret)));
    return secrets.filter((_, index) => codes[index] === null);
  };
  const accepted = await acceptedBy(first());
  expect(accepted).toHaveLength(2);
  expect(await acceptedBy(second())).toEqual(accepted);
  await expectRefused(key.secret, 'invalid_api_key');
});

it('once a key is revoked, nothing more is made with it in any process, though that has not heard of it', async () => {
  const maker = await makeKnown({ scopes: ['keys:write'] });
  const body = { name: 'Made by it', scopes: ['keys:write'] };
  const count = async () =>
    (await servers().sql.query("SELECT count(*)::int AS n FROM api_keys WHERE name = 'Made by it'")).rows[0].n;
  const make = (n: number) => servers().server(n).rest('POST', '/v1/api-keys', { key: maker.secret, body });
  const early = Array.from({ length: 12 }, (_, n) => make(n));
  await change('DELETE', `/${maker.id}`);
  const made = await count();
  const late = Array.from({ length: 6 }, (_, n) => make(n));
  const statuses = (await Promise.all([...early, ...late])).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set(made === 0 ? [401] : [201, 401]));
  expect(await count()).toBe(made);
});
