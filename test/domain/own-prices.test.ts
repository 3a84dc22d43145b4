import { expect, it } from 'vitest';
import { createPrice } from '../../src/domain/pricing/own/create-price.ts';
import { endPrice } from '../../src/domain/pricing/own/end-price.ts';
import type { Price } from '../../src/domain/pricing/price/price.ts';
import { formatId } from '../../src/platform/ids.ts';
import { makeRows, openTestDomain, useTestDomain } from '../harness/domain.ts';
import { EVENT_COST, type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { waitUntil } from '../harness/wait-until.ts';

const domain = useTestDomain();

it('own prices survive the loss of every connection, and a process that missed changes reads them, not the catalog', async () => {
  const [one, other] = [await makeOrganization(domain()), await makeOrganization(domain())];
  const second = await openTestDomain({ connectionString: domain().url });
  const costOf = async (organization: MadeOrganization) => {
    const [row] = await makeRows(await second.contextOf(organization), [{}]);
    return row?.event;
  };
  const { catalog } = second.resources.prices;
  const context = await domain().contextOf(one);
  const made = await createPrice(context, { provider: 'openai', model: 'gpt-4o', discountPercent: '20' });
  await waitUntil('the other has it', async () => (await costOf(one))?.priceId === made.id);
  expect(await costOf(other)).toMatchObject({ cost: EVENT_COST, costSource: 'catalog' });
  await domain().sql.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  // Each connection that was lost fails one transaction, which says so.
  let newer: Price | null = null;
  await waitUntil('a newer one is made', async () => {
    newer = await createPrice(context, { provider: 'openai', model: 'gpt-4o', discountPercent: '40' }).catch(
      () => null,
    );
    return newer !== null;
  });
  const newerId = (newer as Price | null)?.id ?? '';
  await waitUntil('the other has the newer one', async () => (await costOf(one))?.priceId === newerId);
  expect(await costOf(one)).toMatchObject({ cost: '0.0045', details: { discountOf: expect.any(String) } });
  await endPrice(context, { id: formatId('price', newerId) });
  await waitUntil('the older one charges', async () => (await costOf(one))?.cost === '0.006');
  expect(second.resources.prices.catalog).toBe(catalog);
  await second.close();
});
