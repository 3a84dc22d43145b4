import { describe, expect, it } from 'vitest';
import type { ListAnswer } from '../../harness/answers.ts';
import { makeOrganization } from '../../harness/make.ts';
import { answerWith } from '../../harness/receiver.ts';
import { waitUntil } from '../../harness/wait-until.ts';
import { exceed, makeWebhook, readDeliveries, settled, useReceiver, type WebhookAnswer } from './webhook-answers.ts';

const MINUTE_MS = 60_000;
/** The tries are a minute apart on a clock that the test moves. */
const tools = useReceiver({ METERR_WEBHOOK_RETRY_SECONDS: '60,60' });

async function setUp(body: object = {}) {
  const { meterr, receiver } = tools();
  const organization = await makeOrganization(meterr);
  const webhook = await makeWebhook(meterr, organization, { url: receiver.url, ...body });
  const { secret: key } = organization.key;
  const read = () => meterr.ok<WebhookAnswer>('GET', `/v1/webhooks/${webhook.id}`, { key });
  /** Lets the next try become due, and waits until it is written. */
  const nextTry = async (tries: number) => {
    meterr.clock.advance(MINUTE_MS * 1.1 + 1);
    await waitUntil(`there were ${tries} tries`, async () => {
      const [newest] = await readDeliveries(meterr, organization, webhook.id);
      return newest?.attempts.length === tries;
    });
  };
  const firstTry = () =>
    waitUntil('the first try is written', async () => {
      const [newest] = await readDeliveries(meterr, organization, webhook.id);
      return newest?.attempts.length === 1;
    });
  return { meterr, receiver, organization, webhook, key, read, nextTry, firstTry };
}

describe('a delivery', () => {
  it('is tried again by the schedule with at most a tenth more, signed afresh under the same id, until one arrives', async () => {
    const { meterr, receiver, organization, webhook, nextTry, firstTry } = await setUp();
    receiver.behave(answerWith(500));
    await exceed(meterr, organization);
    await firstTry();
    const [waiting] = await readDeliveries(meterr, organization, webhook.id);
    const waitMs = Date.parse(waiting?.next_attempt_at ?? '') - meterr.clock.now();
    expect(waitMs).toBeGreaterThanOrEqual(MINUTE_MS);
    expect(waitMs).toBeLessThanOrEqual(MINUTE_MS * 1.1 + 1);
    receiver.behave(answerWith(201));
    await nextTry(2);
    const [delivery] = await settled(meterr, organization, webhook.id, 'succeeded');
    expect(delivery?.attempts.map(({ status_code }) => status_code)).toEqual([500, 201]);
    const [first, second] = receiver.received;
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(second?.body).toBe(first?.body);
    expect(second?.headers['webhook-timestamp']).not.toBe(first?.headers['webhook-timestamp']);
    expect(second?.headers['webhook-signature']).not.toBe(first?.headers['webhook-signature']);
  });

  it('that waits for a retry does not hold back later events', async () => {
    const { meterr, receiver, organization, webhook, firstTry } = await setUp();
    receiver.behave(answerWith(503));
    await exceed(meterr, organization);
    await firstTry();
    receiver.behave(answerWith(200));
    await exceed(meterr, organization);
    await settled(meterr, organization, webhook.id, 'succeeded', 'pending');
  });

  it.each([
    ['seconds', () => '7200', 7_200_000],
    ['a date', (nowMs: number) => new Date(nowMs + 7_200_000).toUTCString(), 7_199_000],
    ['more than a day', () => '999999', 86_400_000],
  ])('waits for as long as Retry-After says: %s', async (_, header, leastMs) => {
    const { meterr, receiver, organization, webhook, firstTry } = await setUp();
    receiver.behave(answerWith(429, { 'retry-after': header(meterr.clock.now()) }));
    await exceed(meterr, organization);
    await firstTry();
    const [waiting] = await readDeliveries(meterr, organization, webhook.id);
    const waitMs = Date.parse(waiting?.next_attempt_at ?? '') - meterr.clock.now();
    expect(waitMs).toBeGreaterThanOrEqual(leastMs);
    expect(waitMs).toBeLessThanOrEqual(leastMs + 1_000);
  });
});

describe('a webhook', () => {
  it('is disabled when a delivery has failed at every try and nothing arrived meanwhile; others are told once', async () => {
    const { meterr, receiver, organization, webhook, read, nextTry, firstTry, key } = await setUp();
    receiver.behave((response, { path }) => response.writeHead(path.endsWith('/watch') ? 200 : 500).end());
    const watch = { url: `${receiver.url}/watch`, events: ['webhook.disabled'] };
    await makeWebhook(meterr, organization, watch);
    await exceed(meterr, organization);
    await firstTry();
    await nextTry(2);
    expect(await read()).toMatchObject({ status: 'enabled', disabled_reason: null });
    await exceed(meterr, organization);
    await waitUntil('the second event was tried', async () => {
      const [newest] = await readDeliveries(meterr, organization, webhook.id);
      return newest?.attempts.length === 1;
    });
    meterr.clock.advance(MINUTE_MS * 1.1 + 1);
    await waitUntil('it is disabled', async () => (await read()).status === 'disabled');
    expect(await read()).toMatchObject({ status: 'disabled', disabled_reason: 'failing' });
    const deliveries = await readDeliveries(meterr, organization, webhook.id);
    expect(deliveries.map(({ status }) => status)).toEqual(['cancelled', 'failed']);
    expect(deliveries[1]?.attempts).toHaveLength(3);
    const log = await meterr.ok<ListAnswer<{ id: string; data: object }>>('GET', '/v1/events?type=webhook.disabled', {
      key,
    });
    expect(log.data.map(({ data }) => data)).toEqual([
      { webhook_id: webhook.id, url: receiver.url, reason: 'failing', last_status_code: 500 },
    ]);
    await waitUntil('the other webhook is told', () => receiver.received.some(({ path }) => path.endsWith('/watch')));
    // While it is disabled nothing is queued; enabled again, it gets what happens from then on.
    await exceed(meterr, organization);
    expect(await readDeliveries(meterr, organization, webhook.id)).toHaveLength(2);
    receiver.behave(answerWith(200));
    const again = await meterr.ok('PATCH', `/v1/webhooks/${webhook.id}`, { key, body: { status: 'enabled' } });
    expect(again).toMatchObject({ status: 'enabled', disabled_reason: null });
    await exceed(meterr, organization);
    await settled(meterr, organization, webhook.id, 'succeeded', 'cancelled', 'failed');
  });

  it('stays enabled where a later event has arrived since the first try of one that failed', async () => {
    const { meterr, receiver, organization, webhook, read, nextTry, firstTry } = await setUp();
    receiver.behave(answerWith(500));
    await exceed(meterr, organization);
    await firstTry();
    await nextTry(2);
    receiver.behave(answerWith(200));
    await exceed(meterr, organization);
    await settled(meterr, organization, webhook.id, 'succeeded', 'pending');
    receiver.behave(answerWith(500));
    meterr.clock.advance(MINUTE_MS * 1.1 + 1);
    await settled(meterr, organization, webhook.id, 'succeeded', 'failed');
    expect(await read()).toMatchObject({ status: 'enabled' });
  });

  it('that answers 410 is disabled at once, by the server, as the audit log tells', async () => {
    const { meterr, receiver, organization, webhook, key, read } = await setUp();
    receiver.behave(answerWith(410));
    await exceed(meterr, organization);
    await settled(meterr, organization, webhook.id, 'failed');
    expect(await read()).toMatchObject({ status: 'disabled', disabled_reason: 'gone' });
    const log = await meterr.ok('GET', `/v1/audit-log?target=${webhook.id}&action=webhook.disabled`, { key });
    const after = { status: 'disabled', disabled_reason: 'gone' };
    expect(log).toMatchObject({ data: [{ actor_key_id: null, address: null, after }] });
  });

  it('that is disabled by hand or deleted gets nothing of what waits', async () => {
    const { meterr, receiver, organization, webhook, key, firstTry } = await setUp();
    receiver.behave(answerWith(500));
    await exceed(meterr, organization);
    await firstTry();
    const path = `/v1/webhooks/${webhook.id}`;
    const disabled = await meterr.ok('PATCH', path, { key, body: { status: 'disabled' } });
    expect(disabled).toMatchObject({ status: 'disabled', disabled_reason: 'by_hand' });
    const [cancelled] = await readDeliveries(meterr, organization, webhook.id);
    expect(cancelled).toMatchObject({ status: 'cancelled', next_attempt_at: null });
    const refused = await meterr.rest('POST', `/v1/webhooks/deliveries/${cancelled?.id}/redeliver`, { key });
    expect(refused.error?.code).toBe('conflict');
    expect(await meterr.ok('DELETE', path, { key })).toMatchObject({ id: webhook.id, status: 'disabled' });
    expect((await meterr.rest('GET', path, { key })).status).toBe(404);
    expect((await meterr.rest('GET', `${path}/deliveries`, { key })).status).toBe(404);
    expect(receiver.received).toHaveLength(1);
  });
});

it('a redelivery sends the same event under the same id as a delivery of its own; a test has no event to send again', async () => {
  const { meterr, receiver, organization, webhook, key } = await setUp();
  await exceed(meterr, organization);
  const [first] = await settled(meterr, organization, webhook.id, 'succeeded');
  const again = await meterr.ok<{ id: string; event_id: string }>(
    'POST',
    `/v1/webhooks/deliveries/${first?.id}/redeliver`,
    { key },
  );
  expect(again.id).not.toBe(first?.id);
  expect(again.event_id).toBe(first?.event_id);
  await settled(meterr, organization, webhook.id, 'succeeded', 'succeeded');
  const [one, two] = await receiver.waitFor(2);
  expect([two?.headers['webhook-id'], two?.body]).toEqual([one?.headers['webhook-id'], one?.body]);
  const test = await meterr.ok<{ id: string; event: string }>('POST', `/v1/webhooks/${webhook.id}/test`, { key });
  expect(test.event).toBe('webhook.test');
  expect(JSON.parse(receiver.received[2]?.body ?? '')).toMatchObject({
    event: 'webhook.test',
    data: { webhook_id: webhook.id },
  });
  const refused = await meterr.rest('POST', `/v1/webhooks/deliveries/${test.id}/redeliver`, { key });
  expect(refused.error?.code).toBe('conflict');
  const log = await meterr.ok<ListAnswer<object>>('GET', '/v1/events', { key });
  expect(log.data).toHaveLength(1);
});
