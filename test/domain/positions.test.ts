import { expect, it } from 'vitest';
import { openTestDomain, useTestDomain } from '../harness/domain.ts';

const domain = useTestDomain();

it('a database whose positions have reached 2^53 is refused at the start, in one sentence', async () => {
  const { sql, url } = domain();
  await sql.query("SELECT setval('usage_events_position_seq', 9007199254740990)");
  await (await openTestDomain({ connectionString: url })).close();
  await sql.query("SELECT setval('usage_events_position_seq', 9007199254740991)");
  await expect(openTestDomain({ connectionString: url })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/^This database has numbered 2\^53 events, .*DATABASE_URL/),
  });
});
