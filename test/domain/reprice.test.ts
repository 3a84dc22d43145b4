import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyBudgets } from '../../src/domain/budgets/verify-budgets.ts';
import { verifyCredits } from '../../src/domain/credits/verify-credits.ts';
import { createJob } from '../../src/domain/jobs/create-job.ts';
import { getJob } from '../../src/domain/jobs/find-jobs.ts';
import type { Job, JobInput } from '../../src/domain/jobs/job.ts';
import { claimJob, finishJob, type HeldJob, JobLost, renewLease } from '../../src/domain/jobs/job-lease.ts';
import { removeOldJobs } from '../../src/domain/jobs/remove-old-jobs.ts';
import { previewReprice } from '../../src/domain/usage/reprice/preview-reprice.ts';
import { createPreviewTurns } from '../../src/domain/usage/reprice/preview-turns.ts';
import { runReprice } from '../../src/domain/usage/reprice/run-reprice.ts';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { voidUsage } from '../../src/domain/usage/void-usage.ts';
import { formatId, newUuid } from '../../src/platform/ids.ts';
import { DEFAULT_NOW } from '../harness/app.ts';
import { makeRows, useTestDomain } from '../harness/domain.ts';
import { attoOf, decimalOf } from '../harness/ledger.ts';
import { type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { makeOwnPrice } from '../harness/reprice.ts';
import { waitUntil } from '../harness/wait-until.ts';

const domain = useTestDomain();
const NOW_MS = Date.parse(DEFAULT_NOW);
const NOVEMBER: JobInput = {
  startMs: Date.parse('2026-11-01T00:00:00Z'),
  endMs: Date.parse('2026-12-01T00:00:00Z'),
  provider: null,
  model: null,
  teamId: null,
};
const DOUBLE = { input: '5', output: '20' };

type Inputs = Parameters<typeof makeRows>[1];

async function record(organization: MadeOrganization, inputs: Inputs): Promise<string[]> {
  const rows = await makeRows(await domain().contextOf(organization), inputs);
  await domain().resources.usage.commit(rows);
  return rows.map(({ event }) => event.id);
}

/** Events of these days of November, one a minute. */
const inputsOf = (count: number, day = 20): Inputs =>
  Array.from({ length: count }, (_, i) => ({ timestamp: new Date(Date.UTC(2026, 10, day, 0, i)) }));

/** Queues a job that no runner takes, and holds it as a process of its own would. */
async function holdJob(organization: MadeOrganization): Promise<HeldJob> {
  const context = await domain().contextOf(organization);
  const resources = { ...context.resources, jobs: { wake() {} } };
  const job = await createJob({ ...context, resources }, 'reprice', NOVEMBER, 0);
  return takeOver({
    organizationId: organization.uuid,
    id: job.id,
    kind: 'reprice',
    input: NOVEMBER,
    place: null,
    holder: '',
  });
}

/** Gives the job to another holder, as a claim does after the lease has run out. */
async function takeOver(job: HeldJob): Promise<HeldJob> {
  const holder = newUuid();
  const { rows } = await domain().sql.query(
    `UPDATE jobs SET status = 'running', holder = $3, held_until = now() + interval '1 hour'
      WHERE organization_id = $1 AND id = $2 RETURNING place`,
    [job.organizationId, job.id, holder],
  );
  return { ...job, holder, place: rows[0].place };
}

const noNotices = { wake(_topic: string) {} };

async function run(job: HeldJob, notices = noNotices): Promise<void> {
  await runReprice({ ...domain().resources, notices }, job, new AbortController().signal);
}

async function finish(organization: MadeOrganization, job: HeldJob): Promise<Job> {
  await finishJob(domain().sql, job, null, NOW_MS);
  return getJob(await domain().contextOf(organization), formatId('job', job.id));
}

async function verifyAll() {
  const { database } = domain().resources;
  return [...(await verifyUsage(database)), ...(await verifyBudgets(database)), ...(await verifyCredits(database))];
}

/** What the ledger says of the adjustments of a job. */
async function adjustmentsOf({ organizationId, id }: HeldJob) {
  const { rows } = await domain().sql.query(
    `SELECT count(*)::int AS rows, count(DISTINCT adjusts_id)::int AS events, coalesce(sum(cost), 0)::text AS cost
       FROM usage_events WHERE organization_id = $1 AND details #>> '{adjustment,jobId}' = $2`,
    [organizationId, id],
  );
  return { ...rows[0], cost: attoOf(rows[0].cost) };
}

const preview = async (organization: MadeOrganization, input = NOVEMBER) =>
  previewReprice(await domain().contextOf(organization), input);

describe('a job that another process takes over', () => {
  it('is gone on with at its place: each event is adjusted once, and the sums are exact', async () => {
    const organization = await makeOrganization(domain(), { credits: 'prepaid' });
    await record(organization, inputsOf(900));
    await makeOwnPrice(domain(), organization, DOUBLE);
    const expected = await preview(organization);
    expect(expected).toMatchObject({ events: 900, changed: 900, costAfter: attoOf('13.5') });
    const first = await holdJob(organization);
    let steps = 0;
    let second: Promise<HeldJob> | null = null;
    // The first one goes on meanwhile: whoever comes first to a step does it, and the other one loses.
    const wake = (topic: string) => {
      if (topic === first.id && ++steps === 3) second = takeOver(first).then((job) => run(job).then(() => job));
    };
    await expect(run(first, { wake })).rejects.toThrow(JobLost);
    const last = await (second as unknown as Promise<HeldJob>);
    const { done, changed, costBefore, costAfter } = await finish(organization, last);
    expect({ done, changed, costBefore, costAfter }).toEqual({
      ...{ done: 900, changed: 900 },
      ...{ costBefore: expected.costBefore, costAfter: expected.costAfter },
    });
    const difference = expected.costAfter - expected.costBefore;
    expect(await adjustmentsOf(first)).toEqual({ rows: 900, events: 900, cost: difference });
    expect(await verifyAll()).toEqual([]);
  });

  it('is lost to the process before, which cannot end it either', async () => {
    const organization = await makeOrganization(domain());
    await record(organization, inputsOf(3));
    const first = await holdJob(organization);
    const second = await takeOver(first);
    await expect(run(first)).rejects.toThrow(JobLost);
    expect(await renewLease(domain().sql, first)).toBe(false);
    expect(await renewLease(domain().sql, second)).toBe(true);
    await finishJob(domain().sql, first, 'It was not mine.', NOW_MS);
    expect(await finish(organization, second)).toMatchObject({ status: 'done', error: null });
  });

  it('is left alone while its lease lasts', async () => {
    const organization = await makeOrganization(domain());
    const job = await holdJob(organization);
    expect(await claimJob(domain().sql, newUuid(), NOW_MS)).toBeNull();
    const text = "UPDATE jobs SET held_until = now() - interval '1 ms' WHERE id = $1";
    // The runner of the domain may be faster: then it has it.
    await domain().sql.query(text, [job.id]);
    domain().resources.jobs.wake();
    const context = await domain().contextOf(organization);
    await waitUntil('it is done', async () => (await getJob(context, formatId('job', job.id))).status === 'done');
  });
});

it('a step whose answer was lost is not done twice', async () => {
  const organization = await makeOrganization(domain());
  await record(organization, inputsOf(250));
  await makeOwnPrice(domain(), organization, DOUBLE);
  const job = await holdJob(organization);
  const { database } = domain().resources;
  let lost = 0;
  // The transaction is committed, and then its connection breaks.
  const breaking = {
    ...database,
    async transaction<T>(...args: Parameters<typeof database.transaction<T>>) {
      const result = await database.transaction(...args);
      if (++lost < 3) throw Object.assign(new Error('Connection terminated'), { code: 'ECONNRESET' });
      return result;
    },
  };
  const resources = { ...domain().resources, notices: noNotices, database: breaking };
  await runReprice(resources, job, new AbortController().signal);
  expect(lost).toBeGreaterThan(3);
  expect(await finish(organization, job)).toMatchObject({ done: 250, changed: 250, costAfter: attoOf('3.75') });
  expect(await adjustmentsOf(job)).toMatchObject({ rows: 250, cost: attoOf('1.875') });
});

it('what is recorded, voided and priced anew while a job runs leaves every sum exact', async () => {
  const organization = await makeOrganization(domain(), { credits: 'prepaid' });
  const context = await domain().contextOf(organization);
  await domain().sql.query(
    `INSERT INTO budgets (organization_id, id, name, unit, amount, period, timezone, per, thresholds, action, counted_from,
                          created_at, updated_at)
     VALUES ($1, $2, 'Each', 'usd', 1, 'day', 'Asia/Kolkata', 'user', '{50}', 'alert', $3, $3, $3)`,
    [organization.uuid, newUuid(), new Date(NOVEMBER.startMs)],
  );
  await domain().sql.query('UPDATE organizations SET budget_version = budget_version + 1 WHERE id = $1', [
    organization.uuid,
  ]);
  const ids = await record(
    organization,
    inputsOf(500).map((input, i) => ({ ...input, userId: `u-${i % 7}` })),
  );
  await makeOwnPrice(domain(), organization, DOUBLE);
  const job = await holdJob(organization);
  let pricing: Promise<void> | null = null;
  const price = { input: '50', output: '200', validFrom: '2026-11-20T00:00:00Z' };
  // The job has its prices by then.
  const wake = () => {
    pricing ??= makeOwnPrice(domain(), organization, price);
  };
  const running = run(job, { wake });
  const voiding = Promise.all(
    ids
      .filter((_, i) => i % 12 === 0)
      .map((id) => voidUsage(context, { id: formatId('usageEvent', id), reason: 'a test' })),
  );
  const recording = record(organization, inputsOf(300, 21));
  await Promise.all([running, voiding, recording, foldUsage(domain().resources.database)]);
  await pricing;
  const { costAfter, costBefore } = await finish(organization, job);
  const adjustments = await adjustmentsOf(job);
  expect(adjustments.rows).toBe(adjustments.events);
  expect(adjustments.cost).toBe(costAfter - costBefore);
  expect(await verifyAll()).toEqual([]);
  const left = await preview(organization);
  expect(left.events).toBe(758);
  expect(left.changed).toBeGreaterThan(0);
});

const EVENT = fc.record({
  day: fc.integer({ min: 17, max: 21 }),
  second: fc.integer({ min: 0, max: 86_399 }),
  model: fc.constantFrom('gpt-4o', 'gpt-4o-mini', 'unheard-of'),
  inputTokens: fc.integer({ min: 0, max: 2_000_000 }),
  outputTokens: fc.integer({ min: 0, max: 9_999 }),
  cost: fc.option(fc.bigInt({ min: 0n, max: 10n ** 18n }), { freq: 5 }),
  isVoided: fc.boolean(),
});
const PRICE = fc.record({
  model: fc.constantFrom('gpt-4o', 'gpt-4o-mini', 'unheard-of'),
  input: fc.integer({ min: 0, max: 99_999 }),
  output: fc.integer({ min: 0, max: 99_999 }),
  fromDay: fc.integer({ min: 17, max: 21 }),
});
/** USD for a million tokens, in units of 10^-12 USD for a token. */
const LISTED: Record<string, [bigint, bigint] | undefined> = {
  'gpt-4o': [2_500_000n, 10_000_000n],
  'gpt-4o-mini': [150_000n, 600_000n],
};
const MICRO = 10n ** 6n;

it('the preview, the job and the ledger say what arithmetic says, for events and prices of any kind', async () => {
  const property = fc.asyncProperty(
    fc.array(EVENT, { minLength: 1, maxLength: 40 }),
    fc.uniqueArray(PRICE, { maxLength: 6, selector: ({ model, fromDay }) => `${model} ${fromDay}` }),
    async (events, prices) => {
      const organization = await makeOrganization(domain());
      const context = await domain().contextOf(organization);
      const ids = await record(
        organization,
        events.map(({ day, second, model, inputTokens, outputTokens, cost }) => ({
          ...{ model, inputTokens, outputTokens, timestamp: new Date(Date.UTC(2026, 10, day) + second * 1_000) },
          ...(cost === null ? {} : { cost: decimalOf(cost) }),
        })),
      );
      for (const [i, { isVoided }] of events.entries()) {
        if (isVoided) await voidUsage(context, { id: formatId('usageEvent', ids[i] ?? ''), reason: 'a test' });
      }
      // Prices in the order of their days: of those in force the newest counts, which is the last one made.
      const sorted = prices.toSorted((a, b) => a.fromDay - b.fromDay);
      for (const { model, input, output, fromDay } of sorted) {
        const validFrom = new Date(Date.UTC(2026, 10, fromDay)).toISOString();
        await makeOwnPrice(domain(), organization, {
          ...{ model, validFrom },
          ...{ input: decimalOf(BigInt(input) * 10n ** 12n), output: decimalOf(BigInt(output) * 10n ** 12n) },
        });
      }
      const living = events.filter(({ isVoided }) => !isVoided);
      const sums = { events: 0, changed: 0, costBefore: 0n, costAfter: 0n };
      for (const { day, model, inputTokens, outputTokens, cost } of living) {
        const charge = (price: readonly [bigint, bigint] | undefined) =>
          price && (BigInt(inputTokens) * price[0] + BigInt(outputTokens) * price[1]) * MICRO;
        const own = sorted.findLast((price) => price.model === model && price.fromDay <= day);
        const before = cost ?? charge(LISTED[model]) ?? null;
        const after = cost ?? charge(own ? [BigInt(own.input), BigInt(own.output)] : LISTED[model]) ?? before;
        sums.events++;
        sums.changed += before === after ? 0 : 1;
        sums.costBefore += before ?? 0n;
        sums.costAfter += after ?? 0n;
      }
      expect(await preview(organization)).toMatchObject(sums);
      const job = await holdJob(organization);
      await run(job);
      const { done, changed, costBefore, costAfter } = await finish(organization, job);
      expect({ events: done, changed, costBefore, costAfter }).toEqual(sums);
      expect(await preview(organization)).toMatchObject({ changed: 0, costBefore: sums.costAfter });
      expect(await verifyUsage(domain().resources.database)).toEqual([]);
    },
  );
  await fc.assert(property, { numRuns: 5, endOnFailure: true });
});

it('jobs are removed 90 days after their end, with their sums, and what they changed stays', async () => {
  const organization = await makeOrganization(domain());
  await record(organization, inputsOf(2));
  await makeOwnPrice(domain(), organization, DOUBLE);
  const job = await holdJob(organization);
  await run(job);
  await finish(organization, job);
  const count = async () =>
    (
      await domain().sql.query(
        `SELECT (SELECT count(*) FROM jobs WHERE organization_id = $1)::int AS jobs,
                (SELECT count(*) FROM job_sums WHERE organization_id = $1)::int AS sums`,
        [organization.uuid],
      )
    ).rows[0];
  const DAY_MS = 86_400_000;
  await removeOldJobs(domain().resources.database, NOW_MS + 90 * DAY_MS);
  expect(await count()).toEqual({ jobs: 1, sums: 1 });
  await removeOldJobs(domain().resources.database, NOW_MS + 90 * DAY_MS + 1);
  expect(await count()).toEqual({ jobs: 0, sums: 0 });
  expect(await adjustmentsOf(job)).toMatchObject({ rows: 2 });
});

it('previews are made two at a time, one of an organization, and no more than 20 wait', async () => {
  const turns = createPreviewTurns();
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const take = (organization: string, name: string) =>
    turns.take(organization, () => {
      started.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    });
  const all = [take('a', 'a1'), take('a', 'a2'), take('b', 'b1'), take('c', 'c1')];
  await waitUntil('two have begun', () => started.length === 2);
  expect(started).toEqual(['a1', 'b1']);
  ends.get('b1')?.();
  await waitUntil('the next has begun', () => started.length === 3);
  const more = Array.from({ length: 19 }, (_, i) => take('a', `more ${i}`));
  await expect(take('d', 'too many')).rejects.toMatchObject({ code: 'unavailable' });
  expect(started).toEqual(['a1', 'b1', 'c1']);
  ends.get('c1')?.();
  for (const [i, one] of ['a1', 'a2', ...more.map((_, n) => `more ${n}`)].entries()) {
    await waitUntil('it has begun', () => started.length === 3 + i || started.includes(one));
    ends.get(one)?.();
  }
  await Promise.all([...all, ...more]);
});
