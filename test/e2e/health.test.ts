import pg from 'pg';
import { expect, inject, it } from 'vitest';
import { useTestApp } from '../harness/app.ts';

const meterr = useTestApp({ through: 'socket' });

async function asMaintenance(sql: string, values: unknown[] = []): Promise<void> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  await client.query(sql, values).finally(() => client.end());
}

const health = async (path: string) => {
  const response = await meterr().fetch(`/health/${path}`);
  return { status: response.status, body: await response.json() };
};

it('a server without its database is alive, and not ready until the database answers again', async () => {
  const ok = { status: 200, body: { status: 'ok' } };
  expect([await health('live'), await health('ready')]).toEqual([ok, ok]);
  const name = new URL(meterr().connectionString).pathname.slice(1);
  await asMaintenance(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  try {
    await asMaintenance('SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1', [name]);
    expect(await health('ready')).toEqual({ status: 503, body: { status: 'unavailable' } });
    expect(await health('live')).toEqual(ok);
    expect(meterr().logged.map(({ msg }) => msg)).toContain(
      'not ready: the database does not answer, or takes no writes',
    );
  } finally {
    await asMaintenance(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  }
  expect(await health('ready')).toEqual(ok);
});

it('a path under /health that is none is 404, with the usual envelope', async () => {
  expect(await health('elsewhere')).toEqual({
    status: 404,
    body: { error: { code: 'not_found', message: 'There is nothing at /health/elsewhere.', details: {} } },
  });
});
