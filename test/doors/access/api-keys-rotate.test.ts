import { describe, expect, it } from 'vitest';
import { useTestApp } from '../../harness/app.ts';
import { countBlocked } from '../../harness/domain.ts';
import { makeKey } from '../../harness/make.ts';
import { noId } from '../../harness/operations.ts';
import { waitUntil } from '../../harness/wait-until.ts';

interface KeyAnswer {
  id: string;
  name: string;
  hint: string;
  secret: string;
  old_secret_until: string | null;
}

const meterr = useTestApp();

const create = (body: object = {}) =>
  meterr().ok<KeyAnswer>('POST', '/v1/api-keys', { body: { name: 'Rotated', preset: 'ingest', ...body } });
const rotate = (id: string, body?: object, key?: string) =>
  meterr().rest<KeyAnswer>('POST', `/v1/api-keys/${id}/rotate`, { body, key });
const isAccepted = async (key: string) => {
  const { status, error } = await meterr().rest('GET', '/v1/me', { key });
  if (status !== 200) expect({ status, code: error?.code }).toEqual({ status: 401, code: 'invalid_api_key' });
  return status === 200;
};
const areAccepted = (secrets: readonly string[]) => Promise.all(secrets.map(isAccepted));

describe('rotation', () => {
  it('keeps the id and gives a new secret, in both doors; the old one is refused at once', async () => {
    const { data, ok, clock } = meterr();
    const { secret, ...key } = await create();
    expect(await isAccepted(secret)).toBe(true);
    const answer = await rotate(key.id);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { secret: second, ...rotated } = answer.body;
    expect(rotated).toEqual({ ...key, hint: second.slice(-4) });
    expect(await areAccepted([secret, second])).toEqual([false, true]);
    expect(await ok('GET', `/v1/api-keys/${key.id}`)).toEqual({
      ...rotated,
      last_used_at: null,
    });
    const mutation = `mutation ($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { id secret oldSecretUntil } }`;
    const input = { id: key.id, graceSeconds: 10 };
    const { rotateApiKey: third } = await data<{ rotateApiKey: { secret: string } }>(mutation, { input });
    expect(third).toMatchObject({ id: key.id, oldSecretUntil: new Date(clock.now() + 10_000).toISOString() });
    expect(await areAccepted([secret, second, third.secret])).toEqual([false, true, true]);
  });

  it('lets the old secret work until its grace is over, to the millisecond, and says until when', async () => {
    const { clock, ok } = meterr();
    const { id, secret } = await create();
    const { body } = await rotate(id, { grace_seconds: 604_800 });
    const until = clock.now() + 604_800_000;
    expect(body.old_secret_until).toBe(new Date(until).toISOString());
    clock.set(until - 1);
    expect(await areAccepted([secret, body.secret])).toEqual([true, true]);
    expect(await ok('GET', `/v1/api-keys/${id}`)).toMatchObject({ old_secret_until: body.old_secret_until });
    clock.set(until);
    expect(await areAccepted([secret, body.secret])).toEqual([false, true]);
    expect(await ok('GET', `/v1/api-keys/${id}`)).toMatchObject({ old_secret_until: null });
  });

  it('leaves only the newest two secrets, whatever grace the first had', async () => {
    const { id, secret: first } = await create();
    const { secret: second } = (await rotate(id, { grace_seconds: 604_800 })).body;
    const { secret: third } = (await rotate(id, { grace_seconds: 60 })).body;
    expect(await areAccepted([first, second, third])).toEqual([false, true, true]);
    const { secret: fourth } = (await rotate(id, { grace_seconds: 0 })).body;
    expect(await areAccepted([first, second, third, fourth])).toEqual([false, false, false, true]);
  });

  it('ends the old secret with the key: when it expires or is revoked', async () => {
    const { clock, ok, rest } = meterr();
    const ends = clock.now() + 1_000;
    const expiring = await create({ expires_at: new Date(ends).toISOString() });
    const { body } = await rotate(expiring.id, { grace_seconds: 60 });
    expect(body.old_secret_until).toBe(new Date(ends).toISOString());
    clock.set(ends);
    for (const key of [expiring.secret, body.secret]) {
      expect((await rest('GET', '/v1/me', { key })).error?.code).toBe('expired_api_key');
    }
    const revoked = await create();
    const { secret } = (await rotate(revoked.id, { grace_seconds: 60 })).body;
    expect(await ok('DELETE', `/v1/api-keys/${revoked.id}`)).toMatchObject({ old_secret_until: null });
    expect(await areAccepted([revoked.secret, secret])).toEqual([false, false]);
  });

  it('of a key by itself is allowed, and answered', async () => {
    const { id, secret } = await create({ preset: undefined, scopes: ['keys:write'] });
    const { status, body } = await rotate(id, {}, secret);
    expect(status).toBe(200);
    expect(await areAccepted([secret, body.secret])).toEqual([false, true]);
    // Within its grace the old secret does all that the new one does.
    const again = await rotate(id, { grace_seconds: 60 }, body.secret);
    const last = await rotate(id, {}, body.secret);
    expect([again.status, last.status]).toEqual([200, 200]);
    expect(await areAccepted([body.secret, again.body.secret, last.body.secret])).toEqual([false, false, true]);
  });

  it.each<[string, string, object]>([
    ['a negative grace', 'grace_seconds', { grace_seconds: -1 }],
    ['more than a week', 'grace_seconds', { grace_seconds: 604_801 }],
    ['half a second', 'grace_seconds', { grace_seconds: 0.5 }],
    ['an unknown field', 'grace', { grace: 60 }],
  ])('is refused with %s', async (_, path, body) => {
    const { id, secret } = await create();
    const { status, error } = await rotate(id, body);
    expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path });
    expect(await isAccepted(secret)).toBe(true);
  });

  it('takes no other body than JSON, and none at all', async () => {
    const { rest } = meterr();
    const { id } = await create();
    const path = `/v1/api-keys/${id}/rotate`;
    const typed = { headers: { 'content-type': 'application/json' }, body: '' };
    for (const empty of [{}, typed, { headers: { 'idempotency-key': 'empty' } }]) {
      expect((await rest('POST', path, empty)).status).toBe(200);
    }
    expect((await rest('POST', path, { ...typed, body: '[]' })).status).toBe(400);
    const asText = { headers: { 'content-type': 'text/plain' }, body: 'grace' };
    expect((await rest('POST', path, asText)).status).toBe(415);
    expect((await rest('POST', `/v1/api-keys/${noId('key')}/rotate`, {})).status).toBe(404);
  });
});

describe('at the same time', () => {
  it('of many rotations exactly the newest two secrets work, and each answer is a key that was', async () => {
    const { ok, sql } = meterr();
    const { id, secret } = await create();
    const answers = await Promise.all(Array.from({ length: 12 }, () => rotate(id, { grace_seconds: 60 })));
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200));
    for (const { body } of answers) {
      expect(body).toMatchObject({ id, hint: body.secret.slice(-4), old_secret_until: expect.any(String) });
    }
    const accepted = await areAccepted(answers.map(({ body }) => body.secret));
    expect(accepted.filter(Boolean)).toHaveLength(2);
    expect(await isAccepted(secret)).toBe(false);
    // The log has them in the order in which they were made: each begins where the one before ended.
    const { rows } = await sql.query<{ before: KeyAnswer; after: KeyAnswer }>(
      "SELECT before, after FROM audit_entries WHERE target_id = $1 AND action = 'api_key.rotated'",
      [id],
    );
    expect(rows).toHaveLength(12);
    const { hint } = await ok<KeyAnswer>('GET', `/v1/api-keys/${id}`);
    const newest = answers.filter((_, index) => accepted[index]).map(({ body }) => body.hint);
    expect(newest).toContain(hint);
    const begins = rows.map((row) => row.before.hint).sort();
    const ends = rows.map((row) => row.after.hint).sort();
    expect(begins).toEqual([secret.slice(-4), ...ends.filter((one) => one !== hint)].sort());
  });

  it('a key that rotates itself twice without grace gets one new secret; the other request is 401', async () => {
    const { id, secret } = await create({ preset: undefined, scopes: ['keys:write'] });
    expect(await isAccepted(secret)).toBe(true);
    const answers = await Promise.all(Array.from({ length: 6 }, () => rotate(id, {}, secret)));
    const rotated = answers.filter(({ status }) => status === 200);
    expect(rotated).toHaveLength(1);
    for (const { status, error } of answers.filter((one) => one !== rotated[0])) {
      expect({ status, code: error?.code }).toEqual({ status: 401, code: 'invalid_api_key' });
    }
    expect(await isAccepted(rotated[0]?.body.secret ?? '')).toBe(true);
  });

  it('a rotation beside a revocation leaves no secret that works, whichever is first', async () => {
    const { rest } = meterr();
    const keys = await Promise.all(Array.from({ length: 10 }, () => create()));
    for (const [index, { id, secret }] of keys.entries()) {
      const revoke = () => rest<KeyAnswer>('DELETE', `/v1/api-keys/${id}`);
      const turn = () => rotate(id, { grace_seconds: 60 });
      const [one, other] = await Promise.all(index % 2 === 0 ? [turn(), revoke()] : [revoke(), turn()]);
      const [rotated, revoked] = index % 2 === 0 ? [one, other] : [other, one];
      expect(revoked.status).toBe(200);
      expect([200, 409]).toContain(rotated.status);
      expect(await areAccepted([secret, ...(rotated.status === 200 ? [rotated.body.secret] : [])])).not.toContain(true);
    }
  });

  it('nothing is made with a secret whose rotation is committed first, though this process still knows it', async () => {
    const { rest, sql, organization } = meterr();
    const key = await makeKey(meterr(), organization, { scopes: ['keys:write'] });
    const count = async () => (await sql.query('SELECT count(*) FROM api_keys')).rows[0].count;
    expect(await isAccepted(key.secret)).toBe(true);
    const before = await count();
    // As another process does it.
    const client = await sql.connect();
    await client.query('BEGIN');
    await client.query("UPDATE api_keys SET secret_hash = sha256('another') WHERE id = $1", [key.uuid]);
    const body = { name: 'Back door', scopes: ['keys:write'] };
    const late = rest('POST', '/v1/api-keys', { key: key.secret, body });
    await waitUntil('the request waits for its key', async () => (await countBlocked(sql)) === 1);
    await client.query('COMMIT');
    client.release();
    expect((await late).error?.code).toBe('invalid_api_key');
    expect(await count()).toBe(before);
  });

  it('keys that change each other, while their team is deleted, all get an answer', async () => {
    const { ok, rest } = meterr();
    for (let round = 0; round < 5; round++) {
      const team = await ok<{ id: string }>('POST', '/v1/teams', { body: { name: `Round ${round}` } });
      const body = { preset: undefined, scopes: ['keys:write'], team_id: team.id };
      const [a, b] = [await create(body), await create(body)];
      const answers = await Promise.all([
        ...Array.from({ length: 4 }, () => rotate(b.id, { grace_seconds: 60 }, a.secret)),
        ...Array.from({ length: 4 }, () => rotate(a.id, { grace_seconds: 60 }, b.secret)),
        rest('DELETE', `/v1/teams/${team.id}`),
        rotate(a.id, {}),
        rotate(b.id, {}),
      ]);
      expect(answers.filter(({ status }) => ![200, 401, 409].includes(status))).toEqual([]);
      expect(await areAccepted([a.secret, b.secret])).toEqual([false, false]);
    }
  });
});
