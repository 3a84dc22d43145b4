import { expect, it } from 'vitest';
import { createWebhook } from '../../src/domain/webhooks/create-webhook.ts';
import { listDeliveries } from '../../src/domain/webhooks/list-deliveries.ts';
import { removeOldDeliveries } from '../../src/domain/webhooks/remove-old-deliveries.ts';
import { formatId } from '../../src/platform/ids.ts';
import { DEFAULT_NOW } from '../harness/app.ts';
import { openTestDomain, type TestDomain, useTestDomain } from '../harness/domain.ts';
import { type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { startReceiver } from '../harness/receiver.ts';
import { waitUntil } from '../harness/wait-until.ts';

const ENV = {
  METERR_WEBHOOK_ALLOW_HTTP: 'true',
  METERR_WEBHOOK_ALLOW_PRIVATE: 'true',
  METERR_WEBHOOK_RETRY_SECONDS: '60',
};
const domain = useTestDomain({ env: { ...ENV, METERR_ENCRYPTION_KEY: 'k'.repeat(40) } });

function raiseEvents({ sql }: Pick<TestDomain, 'sql'>, { uuid }: MadeOrganization, count: number) {
  return sql.query(
    `INSERT INTO events (organization_id, id, type, created_at, data)
     SELECT $1, gen_random_uuid(), 'credits.low', $2, '{"available": "1", "granted": "100"}' FROM generate_series(1, $3)`,
    [uuid, DEFAULT_NOW, count],
  );
}

async function setUp() {
  const receiver = await startReceiver();
  const organization = await makeOrganization(domain());
  const context = await domain().contextOf(organization);
  const webhook = await createWebhook(context, { url: receiver.url, events: ['*'] });
  const raise = (count = 1) => raiseEvents(domain(), organization, count);
  const list = async () => (await listDeliveries(context, { id: formatId('webhook', webhook.id), first: 100 })).items;
  return { receiver, organization, webhook, raise, list };
}

it('events that another program has written are found within a second or two, and the secret is encrypted', async () => {
  const { receiver, organization, raise, list, webhook } = await setUp();
  await raise(3);
  await receiver.waitFor(3);
  await waitUntil('all are written', async () => (await list()).every(({ status }) => status === 'succeeded'));
  const { rows } = await domain().sql.query('SELECT secret, sender FROM webhooks WHERE organization_id = $1', [
    organization.uuid,
  ]);
  expect(rows[0].secret.toString('latin1')).not.toContain(webhook.shownSecret);
  await waitUntil('the webhook is given back', async () => {
    const again = await domain().sql.query('SELECT sender FROM webhooks WHERE organization_id = $1', [
      organization.uuid,
    ]);
    return again.rows[0].sender === null;
  });
  await receiver.close();
});

it('a process that has another encryption key sends nothing unsigned: the try says why', async () => {
  const { receiver, raise, list, organization } = await setUp();
  await domain().sql.query(
    'UPDATE webhooks SET secret = set_byte(secret, 20, 255 - get_byte(secret, 20)) WHERE organization_id = $1',
    [organization.uuid],
  );
  await raise();
  await waitUntil('it was tried', async () => (await list())[0]?.attempts.length === 1);
  expect((await list())[0]).toMatchObject({
    status: 'pending',
    attempts: [{ statusCode: null, error: expect.any(String) }],
  });
  expect(receiver.received).toEqual([]);
  await receiver.close();
});

it('a sender that stops gives its webhooks back: what it had not finished is sent by another one, before the lease ends', async () => {
  const first = await openTestDomain({ env: ENV });
  const receiver = await startReceiver();
  receiver.behave(() => {});
  const organization = await makeOrganization(first);
  const context = await first.contextOf(organization);
  const { id } = await createWebhook(context, { url: receiver.url, events: ['*'] });
  await raiseEvents(first, organization, 2);
  await receiver.waitFor(1);
  // Its clock stands still: by itself, a lease never ends.
  const second = await openTestDomain({ connectionString: first.url, env: ENV });
  await first.resources.webhooks.close();
  receiver.behave((response) => response.end());
  await waitUntil('both have arrived', async () => {
    const secondContext = await second.contextOf(organization);
    const { items } = await listDeliveries(secondContext, { id: formatId('webhook', id) });
    return items.length === 2 && items.every(({ status }) => status === 'succeeded');
  });
  await second.close();
  await first.close();
  await receiver.close();
});

it('deliveries of more than 90 days are removed, and those that wait are not', async () => {
  const { receiver, raise, organization } = await setUp();
  receiver.behave((response) => response.writeHead(500).end());
  await raise();
  await receiver.waitFor(1);
  const insert = (at: string, status: string) =>
    domain().sql.query(
      `INSERT INTO webhook_deliveries (organization_id, id, webhook_id, event_id, event_type, status, created_at)
       SELECT organization_id, uuid_v7_at($2), id, gen_random_uuid(), 'credits.low', $3::delivery_status, $2
         FROM webhooks WHERE organization_id = $1`,
      [organization.uuid, at, status],
    );
  await insert('2026-08-01T00:00:00Z', 'succeeded');
  await insert('2026-08-02T00:00:00Z', 'cancelled');
  await insert('2026-10-01T00:00:00Z', 'failed');
  await removeOldDeliveries(domain().resources.database, Date.parse(DEFAULT_NOW));
  const { rows } = await domain().sql.query<{ status: string }>(
    'SELECT status FROM webhook_deliveries WHERE organization_id = $1 ORDER BY created_at',
    [organization.uuid],
  );
  expect(rows.map(({ status }) => status)).toEqual(['failed', 'pending']);
  await receiver.close();
});
