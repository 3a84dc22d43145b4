import type { Bench } from '../harness/bench.ts';
import { finishFold } from '../tenants/finish-fold.ts';
import { generateTenants } from '../tenants/generate-tenants.ts';
import { insertFresh, measureFold } from '../tenants/measure-fold.ts';
import { measureQuestions } from '../tenants/measure-questions.ts';
import { measureRecording } from '../tenants/measure-recording.ts';
import { measureStops } from '../tenants/measure-stops.ts';
import { measureVerify } from '../tenants/measure-verify.ts';
import { makeShape } from '../tenants/shape.ts';
import { openTenantsDatabase } from '../tenants/tenants-database.ts';

const FRESH_FOLD_SECONDS = 10;

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * The row takes a good part of an hour where something is slow: each figure is shown as soon as it
 * is there.
 */
function tellAtOnce(bench: Bench): Bench {
  return {
    ...bench,
    report(measurement) {
      bench.report(measurement);
      const { what, value, unit, note = '' } = measurement;
      tell(`${what}: ${value.toPrecision(3)} ${unit}; ${note}`);
    },
  };
}

/**
 * Thousands of tenants, one of them large, with very many users: recording in a cold and a warm
 * process, the fold with statistics absent and old, the questions whose plans such a shape
 * misleads, and SIGTERM under all of it. Autovacuum is off throughout.
 */
export async function tenants(quiet: Bench): Promise<void> {
  const bench = tellAtOnce(quiet);
  const shape = makeShape(bench.options);
  const figure = (n: number) => n.toLocaleString('en-US');
  const database = await openTenantsDatabase(bench);
  const { sql } = database;
  try {
    const startMs = performance.now();
    await generateTenants(sql, shape);
    const seconds = (performance.now() - startMs) / 1000;
    const size = `${figure(shape.tenants.length)} organizations, ${figure(shape.users)} users, ${figure(shape.events)} events`;
    bench.report({ row: 'tenants', what: `generating ${size}`, value: seconds, unit: 's' });
    await measureFold(bench, database, `all ${figure(shape.events)}, statistics absent`);
    await measureRecording(bench, database, shape);
    await finishFold(sql);
    const fresh = `${figure(shape.fresh)} fresh events of as many users`;
    await insertFresh(database, shape, 'fresh');
    await measureFold(bench, database, `${fresh}, statistics absent`, FRESH_FOLD_SECONDS);
    await sql.query('VACUUM ANALYZE');
    await insertFresh(database, shape, 'fresher');
    await measureFold(bench, database, `${fresh}, statistics older than they`, FRESH_FOLD_SECONDS);
    const verify = await measureVerify(bench, database);
    await sql.query('VACUUM ANALYZE');
    await measureQuestions(bench, database, shape);
    await measureStops(bench, database, shape, verify, tell);
  } finally {
    await database.close();
  }
}
