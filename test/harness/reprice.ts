import type pg from 'pg';
import { newUuid } from '../../src/platform/ids.ts';
import type { Calls } from './calls.ts';
import type { MadeOrganization } from './make.ts';
import { waitUntil } from './wait-until.ts';

/** The bodies of REST answers about re-pricing, as far as tests read them. */
export interface RepriceAnswer {
  events: number;
  changed: number;
  cost_before: string;
  cost_after: string;
  difference: string;
  data: {
    provider: string;
    model: string;
    day: string;
    events: number;
    cost_before: string;
    cost_after: string;
    difference: string;
  }[];
}

export interface JobAnswer {
  id: string;
  kind: string;
  status: 'queued' | 'running' | 'done' | 'failed';
  input: { start: string; end: string; provider: string | null; model: string | null; team_id: string | null };
  progress: { done: number; total: number };
  result: RepriceAnswer | null;
  error: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface OwnPrice {
  provider?: string;
  model?: string;
  /** USD for a million tokens. */
  input: string;
  output: string;
  validFrom?: string;
}

/** Gives an organization a price of its own, of which running processes learn when they load their prices. */
export async function makeOwnPrice(
  { sql }: { sql: pg.Pool },
  { uuid }: Pick<MadeOrganization, 'uuid'>,
  { provider = 'openai', model = 'gpt-4o', input, output, validFrom }: OwnPrice,
): Promise<void> {
  const unitOf = (unit: string, price: string) => ({ unit, price, per: 1_000_000, tiers: [] });
  const units = [unitOf('input_tokens', input), unitOf('output_tokens', output)];
  await sql.query(
    `INSERT INTO prices (id, organization_id, provider, model, match, units, source, source_version, valid_from)
     VALUES ($1, $2, $3, $4, $5, $6, 'override', '1', $7)`,
    [newUuid(), uuid, provider, model, { equals: model }, JSON.stringify(units), validFrom ?? null],
  );
}

/** Waits for the end of a job. */
export async function waitForJob({ ok }: Pick<Calls, 'ok'>, key: string, id: string): Promise<JobAnswer> {
  let job: JobAnswer | undefined;
  await waitUntil('the job has ended', async () => {
    job = await ok<JobAnswer>('GET', `/v1/jobs/${id}`, { key });
    return job.status === 'done' || job.status === 'failed';
  });
  return job as JobAnswer;
}

/** Asks for a job, and waits for its end. */
export async function reprice(calls: Pick<Calls, 'ok'>, key: string, body: object): Promise<JobAnswer> {
  const { id } = await calls.ok<JobAnswer>('POST', '/v1/prices/reprice', { key, body });
  return waitForJob(calls, key, id);
}
