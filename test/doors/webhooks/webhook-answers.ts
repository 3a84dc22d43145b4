import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { ListAnswer } from '../../harness/answers.ts';
import { type TestApp, useTestApp } from '../../harness/app.ts';
import { type MadeOrganization, makeUsage } from '../../harness/make.ts';
import { answerWith, type Receiver, startReceiver } from '../../harness/receiver.ts';
import { waitUntil } from '../../harness/wait-until.ts';
import { makeBudget } from '../budget-answers.ts';

export interface WebhookAnswer {
  id: string;
  url: string;
  events: string[];
  team_id: string | null;
  format: string;
  description: string | null;
  status: string;
  disabled_reason: string | null;
  created_at: string;
}

export type CreatedAnswer = WebhookAnswer & { secret: string };

export interface DeliveryAnswer {
  id: string;
  event_id: string;
  event: string;
  status: string;
  attempts: {
    at: string;
    status_code: number | null;
    duration_ms: number;
    error: string | null;
    response: string | null;
  }[];
  next_attempt_at: string | null;
  created_at: string;
}

/** Loopback receivers are private and speak http. */
export const OPEN_WALL = { METERR_WEBHOOK_ALLOW_HTTP: 'true', METERR_WEBHOOK_ALLOW_PRIVATE: 'true' };

/** An app with the present time, by which signatures are checked, and a receiver. */
export function useReceiver(env: Record<string, string> = {}): () => { meterr: TestApp; receiver: Receiver } {
  const meterr = useTestApp({ env: { ...OPEN_WALL, ...env }, now: Date.now() });
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await startReceiver();
  });
  beforeEach(() => {
    receiver.received.length = 0;
    receiver.behave(answerWith(200, {}, 'ok'));
  });
  afterAll(() => receiver?.close());
  return () => ({ meterr: meterr(), receiver });
}

type Calls = Pick<TestApp, 'ok'>;
type WithKey = Pick<MadeOrganization, 'key'>;

export function makeWebhook(
  { ok }: Calls,
  { key }: WithKey,
  body: { url: string } & Record<string, unknown>,
): Promise<CreatedAnswer> {
  return ok<CreatedAnswer>('POST', '/v1/webhooks', { key: key.secret, body: { events: ['*'], ...body } });
}

export async function readDeliveries({ ok }: Calls, { key }: WithKey, id: string): Promise<DeliveryAnswer[]> {
  const path = `/v1/webhooks/${id}/deliveries?limit=100`;
  return (await ok<ListAnswer<DeliveryAnswer>>('GET', path, { key: key.secret })).data;
}

/** Makes `count` events, each `usage.exceeded` of a budget of its own. */
export async function exceed(calls: TestApp, organization: MadeOrganization, count = 1, scope: object = {}) {
  for (let i = 0; i < count; i++) await makeBudget(calls, organization, { amount: '0.000001', thresholds: [], scope });
  await makeUsage(calls, organization.key.secret, [scope]);
}

/** Waits until the newest deliveries have these statuses, and returns them. */
export async function settled(
  calls: Calls,
  organization: WithKey,
  id: string,
  ...statuses: string[]
): Promise<DeliveryAnswer[]> {
  let found: DeliveryAnswer[] = [];
  await waitUntil(`the deliveries are ${statuses.join(', ')}`, async () => {
    found = await readDeliveries(calls, organization, id);
    return found.map(({ status }) => status).join() === statuses.join();
  });
  return found;
}
