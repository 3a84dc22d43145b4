import { describe, expect, it } from 'vitest';
import { createTestApp, useTestApp } from '../harness/app.ts';
import { EVENT, makeKey, makeOrganization } from '../harness/make.ts';

const OPERATOR_KEY = 'operator-key-of-the-tests';
const meterr = useTestApp({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY } });
const HOUR_MS = 3_600_000;

interface Options {
  key?: string;
  path?: string;
}

/** Posts with an Idempotency-Key. */
function post(idempotencyKey: string, body: unknown, { key, path = '/v1/teams' }: Options = {}) {
  const headers = { 'idempotency-key': idempotencyKey };
  return meterr().rest<{ id: string }>('POST', path, { headers, body, key });
}

async function countTeams(name: string): Promise<number> {
  return (await meterr().sql.query('SELECT count(*) FROM teams WHERE name = $1', [name])).rows[0].count;
}

describe('a repeat', () => {
  it('gets the first answer, status and body, and does nothing', async () => {
    const first = await post('repeat', { name: 'Repeated' });
    const second = await post('repeat', { name: 'Repeated' });
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.text).toBe(first.text);
    expect([first.headers.get('idempotent-replayed'), second.headers.get('idempotent-replayed')]).toEqual([
      null,
      'true',
    ]);
    expect(second.headers.get('content-type')).toBe(first.headers.get('content-type'));
    expect(second.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
    expect(await countTeams('Repeated')).toBe(1);
  });

  it('may write the same JSON in another way', async () => {
    const path = '/v1/costs/estimate';
    const first = await post('spelled', EVENT, { path });
    const second = await post('spelled', Object.fromEntries(Object.entries(EVENT).reverse()), { path });
    expect(second.text).toBe(first.text);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
  });

  it('of a refused request is refused the same way', async () => {
    const first = await post('refused', { name: '' });
    const second = await post('refused', { name: '' });
    expect([second.status, second.text]).toEqual([400, first.text]);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
  });

  it('with another body is 409 idempotency_conflict', async () => {
    await post('other body', { name: 'First body' });
    const { status, error } = await post('other body', { name: 'Second body' });
    expect({ status, code: error?.code }).toEqual({ status: 409, code: 'idempotency_conflict' });
    expect(await countTeams('Second body')).toBe(0);
  });

  it('is another request after 24 hours', async () => {
    const { clock } = meterr();
    const first = await post('day', EVENT, { path: '/v1/costs/estimate' });
    clock.advance(24 * HOUR_MS - 1);
    const late = await post('day', EVENT, { path: '/v1/costs/estimate' });
    clock.advance(1);
    const tooLate = await post('day', { ...EVENT, output_tokens: 7 }, { path: '/v1/costs/estimate' });
    expect([first.status, late.status, tooLate.status]).toEqual([200, 200, 200]);
    expect(late.headers.get('idempotent-replayed')).toBe('true');
    expect(tooLate.headers.get('idempotent-replayed')).toBeNull();
  });
});

describe('at the same time', () => {
  it('one request runs, and the others get its answer', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => post('parallel', { name: 'Parallel' })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await countTeams('Parallel')).toBe(1);
  });

  it('over two processes too', async () => {
    const { connectionString, clock } = meterr();
    // By the same clock: a key is free again after a day.
    const second = await createTestApp({ connectionString, now: clock.now() });
    const options = {
      headers: { 'idempotency-key': 'processes' },
      body: { name: 'Processes' },
      key: meterr().adminKey,
    };
    const apps = [meterr(), second, meterr(), second];
    const answers = await Promise.all(apps.map(({ rest }) => rest('POST', '/v1/teams', options)));
    await second.close();
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  it('a request whose first one never ends is 409 conflict, and is not run', async () => {
    const { sql } = meterr();
    await post('stuck', { name: 'Stuck' });
    await sql.query(`UPDATE idempotency_keys SET status = NULL, body = NULL WHERE key_hash = sha256('stuck'::bytea)`);
    await sql.query(`DELETE FROM teams WHERE name = 'Stuck'`);
    const { status, error } = await post('stuck', { name: 'Stuck' });
    expect({ status, code: error?.code }).toEqual({ status: 409, code: 'conflict' });
    expect(await countTeams('Stuck')).toBe(0);
  });
});

describe('a key is of', () => {
  it('one organization', async () => {
    const { key } = await makeOrganization(meterr());
    const ours = await post('tenant', { name: 'Tenant' });
    const theirs = await post('tenant', { name: 'Tenant' }, { key: key.secret });
    expect([ours.status, theirs.status]).toEqual([201, 201]);
    expect(theirs.body.id).not.toBe(ours.body.id);
  });

  it('one route', async () => {
    await post('route', { name: 'Route' });
    expect((await post('route', EVENT, { path: '/v1/costs/estimate' })).status).toBe(200);
  });

  it('one caller: nobody else reads the answer', async () => {
    const { organization } = meterr();
    const other = await makeKey(meterr(), organization, { scopes: ['admin'] });
    await post('caller', { name: 'Caller' });
    const { status, error } = await post('caller', { name: 'Caller' }, { key: other.secret });
    expect({ status, code: error?.code }).toEqual({ status: 409, code: 'idempotency_conflict' });
  });
});

it.each(['', 'x'.repeat(256)])('a key of a wrong length is refused: "%s"', async (key) => {
  const { status, error } = await post(key, { name: 'Length' });
  expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path: 'Idempotency-Key' });
});

it('what is not final is not kept: 401, 415, 500', async () => {
  const { rest, sql } = meterr();
  const headers = { 'idempotency-key': 'not final' };
  expect((await rest('POST', '/v1/teams', { headers, key: null, body: { name: 'Later' } })).status).toBe(401);
  const asText = { headers: { ...headers, 'content-type': 'text/plain' }, body: '{"name": "Later"}' };
  expect((await rest('POST', '/v1/teams', asText)).status).toBe(415);
  await sql.query('ALTER TABLE audit_entries RENAME TO broken');
  const broken = await post('not final', { name: 'Later' });
  await sql.query('ALTER TABLE broken RENAME TO audit_entries');
  expect(broken.status).toBe(500);
  const answer = await post('not final', { name: 'Later' });
  expect(answer.status).toBe(201);
  expect(answer.headers.get('idempotent-replayed')).toBeNull();
});

it('a secret in a kept answer is read by the same caller with the same key, and by nobody who has the database', async () => {
  const { sql } = meterr();
  const options = { key: OPERATOR_KEY, path: '/v1/organizations' };
  const first = await post('secret', { name: 'Secretive' }, options);
  const second = await post('secret', { name: 'Secretive' }, options);
  expect(first.status).toBe(201);
  expect(second.text).toBe(first.text);
  const { rows } = await sql.query(`SELECT body, body::text AS hex FROM idempotency_keys WHERE route LIKE '%organ%'`);
  expect(rows).toHaveLength(1);
  expect(rows[0].body.toString('latin1')).not.toContain('mtr_live_');
  expect(rows[0].body.toString('latin1')).not.toContain('Secretive');
});

it('usage keeps its own meaning of the key: a repeat is the first record, for ever', async () => {
  const { rest, clock } = meterr();
  const options = { headers: { 'idempotency-key': 'usage' }, body: EVENT };
  const first = await rest<{ event_id: string }>('POST', '/v1/usage', options);
  clock.advance(48 * HOUR_MS);
  const second = await rest('POST', '/v1/usage', options);
  expect([first.status, second.status]).toEqual([201, 200]);
  expect(first.body.event_id).toBe('usage');
  expect(second.headers.get('idempotent-replayed')).toBeNull();
});
