import { expect, it } from 'vitest';
import { createTestApp } from '../harness/app.ts';
import { EVENT, EVENT_INPUT } from '../harness/make.ts';

it('an internal error shows no cause in either door, and is logged with the id that the answer bears', async () => {
  const { rest, gql, sql, logged, close } = await createTestApp();
  await sql.query(`
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a secret of the database'; END $$;
    CREATE TRIGGER broken BEFORE INSERT ON usage_events EXECUTE FUNCTION fail()`);
  const answers = [
    await rest('POST', '/v1/usage', { body: EVENT }),
    await gql('mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { id } }', { input: EVENT_INPUT }),
  ];
  await sql.query('DROP TRIGGER broken ON usage_events');
  const after = await rest('POST', '/v1/usage', { body: EVENT });
  await close();

  for (const { error, text, headers } of answers) {
    expect(error).toEqual({ code: 'internal_error', message: expect.any(String), details: {} });
    expect(text).not.toMatch(/secret|usage_events|function|stack|\.ts/);
    const line = logged.find(({ requestId }) => requestId === headers.get('x-request-id'));
    expect(line).toMatchObject({ level: 50, err: { message: 'a secret of the database' } });
  }
  expect(answers[0]?.status).toBe(500);
  expect(after.status).toBe(201);
});

it('a failing read is masked and logged as well, and nothing secret is in the log', async () => {
  const { rest, gql, sql, logged, adminKey, close } = await createTestApp();
  await sql.query('ALTER TABLE usage_events RENAME TO moved_away');
  const answers = [
    await rest('GET', '/v1/usage/history'),
    await gql('{ usageEvents { edges { node { id } } } }'),
    await rest('GET', '/v1/usage/usage_01h455vb4pex5vsknk084sn02q'),
  ];
  await sql.query('ALTER TABLE moved_away RENAME TO usage_events');
  await close();
  for (const { error, text, headers } of answers) {
    expect(error?.code).toBe('internal_error');
    expect(text).not.toContain('usage_events');
    expect(logged.some(({ requestId }) => requestId === headers.get('x-request-id'))).toBe(true);
  }
  expect(JSON.stringify(logged)).not.toContain(adminKey);
});

it('a request within a failing one is refused, not the process ended', async () => {
  const { rest, sql, close } = await createTestApp();
  await sql.query('ALTER TABLE api_keys RENAME TO moved_away');
  const answer = await rest('GET', '/v1/me', { key: `mtr_live_${'B'.repeat(43)}` });
  await sql.query('ALTER TABLE moved_away RENAME TO api_keys');
  const after = await rest('GET', '/v1/me');
  await close();
  expect([answer.status, after.status]).toEqual([500, 200]);
});
