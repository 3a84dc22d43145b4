import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';
import type { ListAnswer } from '../../harness/answers.ts';
import { makeKey, makeOrganization, makeTeam, makeUsage } from '../../harness/make.ts';
import { answerWith, startReceiver } from '../../harness/receiver.ts';
import { makeBudget } from '../budget-answers.ts';
import { exceed, makeWebhook, readDeliveries, settled, useReceiver } from './webhook-answers.ts';

const tools = useReceiver();

it('an event arrives as the log lists it, byte for byte, and its signature holds in the npm library', async () => {
  const { meterr, receiver } = tools();
  const organization = await makeOrganization(meterr);
  const webhook = await makeWebhook(meterr, organization, { url: receiver.url, events: ['usage.exceeded'] });
  await exceed(meterr, organization);
  const [sent] = await receiver.waitFor(1);
  const { secret: key } = organization.key;
  const log = await meterr.ok<ListAnswer<{ id: string }>>('GET', '/v1/events', { key });
  expect(sent?.body).toBe(JSON.stringify(log.data[0]));
  expect(sent?.headers['webhook-id']).toBe(log.data[0]?.id);
  expect(sent?.headers['content-type']).toBe('application/json');
  const headers = sent?.headers as Record<string, string>;
  const verifier = new Webhook(webhook.secret);
  expect(verifier.verify(sent?.body ?? '', headers)).toEqual(log.data[0]);
  expect(() => verifier.verify(`${sent?.body} `, headers)).toThrow();
  expect(() => verifier.verify(sent?.body ?? '', { ...headers, 'webhook-timestamp': '1' })).toThrow();
  const [delivery] = await settled(meterr, organization, webhook.id, 'succeeded');
  expect(delivery).toEqual({
    id: expect.stringMatching(/^delivery_/),
    event_id: log.data[0]?.id,
    event: 'usage.exceeded',
    status: 'succeeded',
    attempts: [
      { at: expect.any(String), status_code: 200, duration_ms: expect.any(Number), error: null, response: 'ok' },
    ],
    next_attempt_at: null,
    created_at: expect.any(String),
  });
});

it('each webhook receives the types that it asked for, and those of its team only', async () => {
  const { meterr, receiver } = tools();
  const organization = await makeOrganization(meterr);
  const [mine, other] = [await makeTeam(meterr, organization), await makeTeam(meterr, organization)];
  const url = (name: string) => `${receiver.url}/${name}`;
  await makeWebhook(meterr, organization, { url: url('all') });
  await makeWebhook(meterr, organization, { url: url('thresholds'), events: ['budget.threshold_reached'] });
  await makeWebhook(meterr, organization, { url: url('team'), events: ['usage.exceeded'], team_id: mine.id });
  for (const team of [mine, other]) {
    const scope = { team_id: team.id };
    await makeBudget(meterr, organization, { amount: '0.000001', thresholds: [100], scope });
    await makeUsage(meterr, organization.key.secret, [scope]);
  }
  const got = (await receiver.waitFor(7)).map(({ path, body }) => {
    const { event, data } = JSON.parse(body);
    return `${path.split('/').at(-1)} ${event} ${data.team_id === mine.id ? 'mine' : 'other'}`;
  });
  expect(got.sort()).toEqual([
    'all budget.threshold_reached mine',
    'all budget.threshold_reached other',
    'all usage.exceeded mine',
    'all usage.exceeded other',
    'team usage.exceeded mine',
    'thresholds budget.threshold_reached mine',
    'thresholds budget.threshold_reached other',
  ]);
});

it('Slack gets a message that names the budget and the exact amounts; other events are told as well', async () => {
  const { meterr, receiver } = tools();
  const organization = await makeOrganization(meterr, { credits: 'prepaid' });
  const { secret: key } = organization.key;
  await makeWebhook(meterr, organization, { url: receiver.url, format: 'slack' });
  await makeBudget(meterr, organization, { name: 'R&D', amount: '0.001', thresholds: [] });
  await meterr.ok('POST', '/v1/credits/grants', { key, body: { amount: '0.001' } });
  await makeUsage(meterr, key);
  const texts = (await receiver.waitFor(3)).map(({ body }) => JSON.parse(body).text as string);
  expect(texts).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^Budget R&amp;D exceeded its limit: Used \$0\.0075, Limit \$0\.001, Period 20/),
      expect.stringMatching(/^Prepaid credits are running low: Available -?\$/),
      expect.stringMatching(/^Prepaid credits are used up: Available -?\$/),
    ]),
  );
});

it('a receiver that answers gets events in the order of the log', async () => {
  const { meterr, receiver } = tools();
  const organization = await makeOrganization(meterr);
  await makeWebhook(meterr, organization, { url: receiver.url });
  await exceed(meterr, organization, 40);
  const got = (await receiver.waitFor(40)).map(({ headers }) => headers['webhook-id']);
  const { secret: key } = organization.key;
  const log = await meterr.ok<ListAnswer<{ id: string }>>('GET', '/v1/events?limit=100', { key });
  expect(got).toEqual(log.data.map(({ id }) => id).reverse());
});

it('a webhook that hangs delays no other one, and its own later events start beside the one that hangs', async () => {
  const { meterr, receiver } = tools();
  const hanging = await startReceiver();
  hanging.behave(() => {});
  const organization = await makeOrganization(meterr);
  await makeWebhook(meterr, organization, { url: hanging.url });
  await makeWebhook(meterr, organization, { url: receiver.url });
  await exceed(meterr, organization, 3);
  await receiver.waitFor(3);
  await hanging.waitFor(3);
  await exceed(meterr, organization, 1);
  await receiver.waitFor(4);
  await hanging.waitFor(4);
  await hanging.close();
});

it('for 24 hours after a rotation both secrets sign, then only the new one', async () => {
  const { meterr, receiver } = tools();
  const organization = await makeOrganization(meterr);
  const { secret: key } = organization.key;
  const before = await makeWebhook(meterr, organization, { url: receiver.url });
  const after = await meterr.ok<{ secret: string }>('POST', `/v1/webhooks/${before.id}/rotate-secret`, { key });
  expect(after.secret).not.toBe(before.secret);
  const test = () => meterr.ok('POST', `/v1/webhooks/${before.id}/test`, { key });
  await test();
  const verifies = (index: number, secret: string) => {
    const { body = '', headers = {} } = receiver.received[index] ?? {};
    try {
      new Webhook(secret).verify(body, headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  };
  expect([verifies(0, before.secret), verifies(0, after.secret)]).toEqual([true, true]);
  expect(receiver.received[0]?.headers['webhook-signature']).toMatch(/^v1,\S{44} v1,\S{44}$/);
  const now = meterr.clock.now();
  // The library has the real clock: what it checks is a time near it.
  meterr.clock.set(now + 86_400_000);
  await test();
  expect(receiver.received[1]?.headers['webhook-signature']).toMatch(/^v1,\S{44}$/);
  meterr.clock.set(now);
});

it('nothing of one organization reaches another, and a key of a team sees and makes its team’s webhooks', async () => {
  const { meterr, receiver } = tools();
  const [mine, theirs] = [await makeOrganization(meterr), await makeOrganization(meterr)];
  const webhook = await makeWebhook(meterr, theirs, { url: receiver.url });
  await exceed(meterr, mine);
  await exceed(meterr, theirs);
  await receiver.waitFor(1);
  const [delivery] = await settled(meterr, theirs, webhook.id, 'succeeded');
  const team = await makeTeam(meterr, theirs);
  const { secret: bound } = await makeKey(meterr, theirs, { scopes: ['webhooks:read', 'webhooks:write'], team });
  for (const key of [mine.key.secret, bound]) {
    for (const [method, path] of [
      ['GET', webhook.id],
      ['PATCH', webhook.id],
      ['DELETE', webhook.id],
      ['POST', `${webhook.id}/test`],
      ['POST', `${webhook.id}/rotate-secret`],
      ['GET', `${webhook.id}/deliveries`],
      ['POST', `deliveries/${delivery?.id}/redeliver`],
    ] as const) {
      const body = method === 'PATCH' ? { description: 'x' } : undefined;
      const { status } = await meterr.rest(method, `/v1/webhooks/${path}`, { key, body });
      expect({ method, path, status }).toEqual({ method, path, status: 404 });
    }
    expect(await meterr.ok('GET', '/v1/webhooks', { key })).toMatchObject({ data: [] });
    const nodes = await meterr.data<{ a: unknown; b: unknown }>(
      'query ($a: ID!, $b: ID!) { a: node(id: $a) { id } b: node(id: $b) { id } }',
      { a: webhook.id, b: delivery?.id },
      { key },
    );
    expect(nodes).toEqual({ a: null, b: null });
  }
  const own = await makeWebhook(meterr, { key: { secret: bound } as never }, { url: receiver.url });
  expect(own.team_id).toBe(team.id);
  const foreign = await makeTeam(meterr, theirs);
  const refused = await meterr.rest('POST', '/v1/webhooks', {
    key: bound,
    body: { url: receiver.url, events: ['*'], team_id: foreign.id },
  });
  expect(refused.error?.details.fields?.[0]?.path).toBe('team_id');
});

it('a delivery is logged with its status, its time and the first KiB, whatever the answer is', async () => {
  const { meterr, receiver } = tools();
  const organization = await makeOrganization(meterr);
  const { secret: key } = organization.key;
  const { id } = await makeWebhook(meterr, organization, { url: receiver.url });
  const test = async () => {
    const answer = await meterr.ok<{ status: string; attempts: object[] }>('POST', `/v1/webhooks/${id}/test`, { key });
    return { status: answer.status, ...answer.attempts[0] };
  };
  receiver.behave(answerWith(500, {}, 'x'.repeat(5_000)));
  expect(await test()).toMatchObject({ status: 'failed', status_code: 500, error: null, response: 'x'.repeat(1_024) });
  receiver.behave(answerWith(302, { location: `${receiver.url}/elsewhere` }));
  expect(await test()).toMatchObject({ status: 'failed', status_code: 302, error: 'redirects are not followed' });
  receiver.behave((_, __, socket) => socket.end('this is not HTTP\r\n\r\n'));
  expect(await test()).toMatchObject({ status_code: null, error: expect.stringContaining('not HTTP') });
  receiver.behave((_, __, socket) => socket.destroy());
  expect(await test()).toMatchObject({ status_code: null, error: expect.stringContaining('closed') });
  receiver.behave(answerWith(204));
  expect(await test()).toMatchObject({ status: 'succeeded', status_code: 204, response: '' });
  receiver.behave((response) => response.writeHead(200).write(Buffer.from([0, 255, 65])));
  expect(await test()).toMatchObject({ status: 'succeeded', status_code: 200, response: '\u{fffd}\u{fffd}A' });
  expect(await readDeliveries(meterr, organization, id)).toHaveLength(6);
  expect(receiver.received.map(({ path }) => path)).toEqual(Array(6).fill('/hook'));
});
