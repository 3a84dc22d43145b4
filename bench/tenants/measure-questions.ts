import type { Bench, StartedMeterr } from '../harness/bench.ts';
import { median } from '../harness/statistics.ts';
import { ask } from './ask.ts';
import { type Explained, explainAll, explainNothing, readExplained } from './explain-log.ts';
import { historyPath, listQuestions, PAGE_SIZE, PAGES, type Question } from './questions.ts';
import type { Shape } from './shape.ts';
import type { TenantsDatabase } from './tenants-database.ts';

const CALLS = 5;
/** A question that is slow is not asked so often. */
const ENOUGH_MS = 15_000;

interface Timed {
  question: Question;
  /** Of the calls after the first; of the first where it was slow. */
  ms: number;
  failure: string | null;
  bytes: number;
}

async function time(database: TenantsDatabase, server: StartedMeterr, key: string, question: Question): Promise<Timed> {
  const latenciesMs: number[] = [];
  let totalMs = 0;
  for (;;) {
    const { ms, body, failure } = await ask(database, server, key, question.path);
    latenciesMs.push(ms);
    totalMs += ms;
    const isDone = failure !== null || latenciesMs.length > CALLS || totalMs > ENOUGH_MS;
    const counted = latenciesMs.length > 1 ? latenciesMs.slice(1) : latenciesMs;
    if (isDone) return { question, ms: median(counted), failure, bytes: body.length };
  }
}

async function countOwn({ sql }: TenantsDatabase, { tenants }: Shape, { ownRange }: Question): Promise<number> {
  const { startMs = 0, endMs = Date.UTC(9999) } = ownRange ?? {};
  const bounds = [new Date(startMs), new Date(endMs)];
  const { rows } = await sql.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM usage_events WHERE organization_id = $1 AND time >= $2 AND time < $3',
    [tenants[0]?.id, ...bounds],
  );
  return rows[0]?.n ?? 0;
}

const figure = (n: number) => Math.round(n).toLocaleString('en-US');

function describeRows(explained: readonly Explained[], own: number): string {
  const rows = explained.reduce((sum, one) => sum + one.rows, 0);
  const pages = explained.reduce((sum, one) => sum + one.pages, 0);
  const scans = explained.flatMap((one) => one.scans).sort((a, b) => b.rows - a.rows);
  const most = scans.slice(0, 2).map((scan) => `${scan.what} ${figure(scan.rows)}`);
  const verdict = rows <= 2 * own ? '' : ' OVER 2x';
  return `${figure(rows)} rows read, ${(rows / own).toFixed(2)}x own ${figure(own)}${verdict}; ${figure(pages)} pages; ${most.join(', ')}`;
}

function report(bench: Bench, { what, limitSeconds }: Question, ms: number, note: string): void {
  const against = { what: 'wanted under', value: limitSeconds * 1000 };
  bench.report({ row: 'tenants', what, value: ms, unit: 'ms', against, ratio: ms / against.value, wanted: '1x', note });
}

/** Asks of a server whose statements are explained, and says which rows they read. */
async function explain(database: TenantsDatabase, server: StartedMeterr, key: string, path: string, own: number) {
  let failure: string | null = null;
  const explained = await readExplained(database, async () => {
    ({ failure } = await ask(database, server, key, path));
  });
  // A statement that did not end has no plan in the log: what is there is not all that was read.
  if (failure !== null) return `no plan, since the call that was explained failed: ${failure}`;
  return explained.length === 0 ? 'no plan: no statement was seen' : describeRows(explained, own);
}

/** Reads history page by page. Returns the time of each page and the cursor of the last one. */
async function readHistory(database: TenantsDatabase, server: StartedMeterr, key: string) {
  const latenciesMs: number[] = [];
  let cursor: string | null = null;
  let last: string | null = null;
  for (let page = 0; page < PAGES; page++) {
    const { ms, body, failure } = await ask(database, server, key, historyPath(cursor));
    if (failure) return { latenciesMs, last: cursor, failure: `page ${page + 1}: ${failure}` };
    latenciesMs.push(ms);
    last = cursor;
    cursor = (JSON.parse(body) as { next_cursor: string | null }).next_cursor;
    if (cursor === null) break;
  }
  return { latenciesMs, last, failure: null };
}

/**
 * Asks all questions of a server as it is, then once more of one whose statements PostgreSQL
 * explains: times are those of the first, rows those of the second.
 */
export async function measureQuestions(bench: Bench, database: TenantsDatabase, shape: Shape): Promise<void> {
  const key = shape.tenants[0]?.keys[0]?.secret ?? '';
  const plain = await database.start();
  const timed: Timed[] = [];
  for (const question of listQuestions(shape)) timed.push(await time(database, plain, key, question));
  const history = await readHistory(database, plain, key);
  await database.stop(plain);

  await explainAll(database, 'with functions');
  const explaining = await database.start();
  await ask(database, explaining, key, historyPath(null));
  for (const { question, ms, failure, bytes } of timed) {
    const own = await countOwn(database, shape, question);
    const rows = failure ? '' : await explain(database, explaining, key, question.path, own);
    const note = failure ?? `${figure(bytes)} bytes; ${rows}`;
    report(bench, question, ms, note);
  }
  const { latenciesMs, last, failure } = history;
  const rows = await explain(database, explaining, key, historyPath(last), PAGE_SIZE + 1);
  const page = { path: '', limitSeconds: 1, ownRange: null };
  const note =
    failure ?? `median of ${latenciesMs.length} pages of ${PAGE_SIZE}, slowest ${figure(Math.max(...latenciesMs))} ms`;
  report(bench, { ...page, what: 'history, a page' }, median(latenciesMs), note);
  report(
    bench,
    { ...page, what: `history, page ${latenciesMs.length}` },
    latenciesMs.at(-1) ?? Number.NaN,
    failure ?? rows,
  );
  await database.stop(explaining);
  await explainNothing(database);
}
