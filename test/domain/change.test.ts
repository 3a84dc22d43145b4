import { afterAll, beforeAll, expect, it } from 'vitest';
import { AppError } from '../../src/platform/errors.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import { isConnectionLoss } from '../../src/platform/postgres/pool/database-errors.ts';
import { isUniqueViolation } from '../../src/platform/postgres/unique-violation.ts';
import { useTestApp } from '../harness/app.ts';
import { makeTeam } from '../harness/make.ts';

// What becomes of a transaction of Prisma's that cannot end well.

const meterr = useTestApp();
const NOWHERE = 'postgres://meterr@127.0.0.1:1/meterr';

let database: Database;

beforeAll(() => {
  database = openDatabase({ connectionString: meterr().connectionString, connections: 2, onError: () => {} });
});

afterAll(() => database.close());

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  );

async function endConnections(mark: string): Promise<void> {
  const text = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%' || $1 || '%'`;
  const { rows } = await meterr().sql.query(text, [mark]);
  expect(rows).toHaveLength(1);
}

it('a change whose connection is lost is told from one that failed: it may be tried again', async () => {
  const nowhere = openDatabase({ connectionString: NOWHERE, connections: 1, onError: () => {} });
  const unreachable = [
    await failureOf(nowhere.prisma.team.findFirst()),
    await failureOf(nowhere.change((models) => models.team.findFirst())),
  ];
  await nowhere.close();
  const lost = await failureOf(
    database.change(async (models) => {
      await models.$executeRaw`SELECT 'a change that is to be lost'`;
      await endConnections('a change that is to be lost');
      await models.team.findFirst();
    }),
  );
  expect([...unreachable, lost].map(isConnectionLoss)).toEqual([true, true, true]);
  expect(isConnectionLoss(await failureOf(database.prisma.$executeRaw`SELECT 1 / 0`))).toBe(false);
});

it('a change that throws leaves nothing behind, and its own error comes out', async () => {
  const { organization, sql } = meterr();
  const name = 'Never there';
  const work = database.change(async (models) => {
    await models.team.create({ data: { id: organization.uuid, organizationId: organization.uuid, name } });
    throw new AppError('conflict', 'changed my mind');
  });
  expect(await failureOf(work)).toMatchObject({ code: 'conflict', message: 'changed my mind' });
  expect((await sql.query('SELECT FROM teams WHERE name = $1', [name])).rows).toEqual([]);
});

it('the index that a write violates is known by its name, whoever runs the statement', async () => {
  const { organization, sql } = meterr();
  const { name } = await makeTeam(meterr(), organization);
  const data = { id: organization.uuid, organizationId: organization.uuid, name };
  const values = [data.id, data.organizationId, name];
  const failures = [
    await failureOf(database.prisma.team.create({ data })),
    await failureOf(sql.query('INSERT INTO teams (id, organization_id, name) VALUES ($1, $2, $3)', values)),
  ];
  for (const failure of failures) {
    expect(isUniqueViolation(failure, 'teams_living_name_key')).toBe(true);
    expect(isUniqueViolation(failure, 'teams_pkey')).toBe(false);
  }
});
