import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DEFAULT_NOW, useTestApp } from '../../harness/app.ts';
import type { CallOptions } from '../../harness/calls.ts';
import { makeKey } from '../../harness/make.ts';

const meterr = useTestApp();

/** The same question at both doors: what they say of the caller. */
async function ask(options: CallOptions) {
  const { rest, gql } = meterr();
  const [viaRest, viaGraphQL] = [await rest('GET', '/v1/me', options), await gql('{ me { scopes } }', null, options)];
  return {
    status: [viaRest.status, viaGraphQL.status],
    code: [viaRest.error?.code, viaGraphQL.error?.code],
    text: viaRest.text + viaGraphQL.text,
    headers: [viaRest.headers, viaGraphQL.headers],
  };
}

const UNKNOWN = `mtr_live_${'A'.repeat(43)}`;

describe('both doors refuse with 401', () => {
  it.each<[string, CallOptions]>([
    ['no key', { key: null }],
    ['an unknown key', { key: UNKNOWN }],
    ['an unknown key of this cell', { key: `mtr_live_00${'A'.repeat(43)}` }],
    ['a text that is no key', { key: 'hello' }],
    ['another scheme', { key: null, headers: { authorization: 'Basic bWU6bWU=' } }],
    ['an empty header', { key: null, headers: { authorization: '' } }],
  ])('%s: invalid_api_key', async (_, options) => {
    const answer = await ask(options);
    expect(answer).toMatchObject({ status: [401, 401], code: ['invalid_api_key', 'invalid_api_key'] });
    expect(answer.headers[0]?.get('www-authenticate')).toBe('Bearer');
  });

  it('a key with one letter changed', async () => {
    const last = meterr().adminKey.at(-1) === 'A' ? 'B' : 'A';
    const answer = await ask({ key: meterr().adminKey.slice(0, -1) + last });
    expect(answer.code).toEqual(['invalid_api_key', 'invalid_api_key']);
  });

  it('a key of another cell: invalid_api_key, as an unknown one', async () => {
    const { adminKey } = meterr();
    expect(adminKey).toMatch(/^mtr_live_00[\w-]{43}$/);
    const answer = await ask({ key: adminKey.replace('mtr_live_00', 'mtr_live_01') });
    expect(answer).toMatchObject({ status: [401, 401], code: ['invalid_api_key', 'invalid_api_key'] });
  });

  it('but not a key from before cells', async () => {
    const secret = `mtr_live_${'z'.repeat(43)}`;
    const { key } = meterr().organization;
    const hash = createHash('sha256').update(secret).digest();
    await meterr().sql.query(
      `INSERT INTO api_keys (id, organization_id, name, secret_hash, hint, scopes)
       SELECT gen_random_uuid(), organization_id, 'old', $2, 'zzzz', scopes FROM api_keys WHERE id = $1`,
      [key.uuid, hash],
    );
    expect((await ask({ key: secret })).status).toEqual([200, 200]);
  });

  it('a revoked key: invalid_api_key', async () => {
    const { secret } = await makeKey(meterr(), meterr().organization, { scopes: ['admin'], revoked: true });
    const answer = await ask({ key: secret });
    expect(answer).toMatchObject({ status: [401, 401], code: ['invalid_api_key', 'invalid_api_key'] });
    expect(answer.text).not.toContain(secret);
  });

  it('an expired key: expired_api_key, from the moment on that it expires', async () => {
    const { clock, organization } = meterr();
    const expiresAt = new Date(Date.parse(DEFAULT_NOW) + 60_000);
    const { secret } = await makeKey(meterr(), organization, { scopes: ['admin'], expiresAt });
    clock.set(expiresAt.getTime() - 1);
    expect((await ask({ key: secret })).status).toEqual([200, 200]);
    clock.set(expiresAt.getTime());
    const answer = await ask({ key: secret });
    clock.set(DEFAULT_NOW);
    expect(answer).toMatchObject({ status: [401, 401], code: ['expired_api_key', 'expired_api_key'] });
  });
});

it('a key revoked while it is in use is refused as soon as the change is read', async () => {
  const { app, sql, organization } = meterr();
  const key = await makeKey(meterr(), organization, { scopes: ['admin'] });
  expect((await ask({ key: key.secret })).status).toEqual([200, 200]);
  await sql.query('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [key.uuid]);
  await app.readChanges();
  const answer = await ask({ key: key.secret });
  expect(answer.status).toEqual([401, 401]);
});

it('the scheme is read in any case', async () => {
  const { adminKey } = meterr();
  expect((await ask({ key: null, headers: { authorization: `bearer  ${adminKey}` } })).status).toEqual([200, 200]);
});

it('of a secret the database has the SHA-256 only', async () => {
  const { sql, adminKey } = meterr();
  const { rows } = await sql.query('SELECT *, secret_hash::text AS hex FROM api_keys');
  expect(JSON.stringify(rows)).not.toContain(adminKey.slice('mtr_live_'.length));
  expect(rows.every((row) => row.secret_hash.length === 32)).toBe(true);
});

it('wrong keys are limited by address, in both doors together; a right key from there still works', async () => {
  const { rest, gql } = meterr();
  const address = '203.0.113.7';
  const wrong = { key: UNKNOWN, address };
  for (let i = 0; i < 60; i++) {
    expect((await rest('GET', '/v1/me', wrong)).status).toBe(401);
    expect((await gql('{ me { scopes } }', null, wrong)).status).toBe(401);
  }
  for (const answer of [await rest('GET', '/v1/me', wrong), await gql('{ me { scopes } }', null, wrong)]) {
    expect({ status: answer.status, code: answer.error?.code }).toEqual({ status: 429, code: 'rate_limit_exceeded' });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(60);
  }
  expect((await rest('GET', '/v1/me', { address })).status).toBe(200);
  expect((await rest('GET', '/v1/me', { key: UNKNOWN, address: '203.0.113.8' })).status).toBe(401);
});
