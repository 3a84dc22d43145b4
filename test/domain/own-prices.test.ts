import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { makeRows, openTestDomain, useTestDomain } from '../harness/domain.ts';
import { EVENT_COST, type MadeOrganization, makeOrganization } from '../harness/make.ts';

const domain = useTestDomain();
/** What the same event costs by the list price of gpt-4o-mini. */
const MINI_COST = '0.00045';

/** A price of the organization's own: gpt-4o at what the catalog asks for gpt-4o-mini. */
async function makeOwnPrice({ uuid }: MadeOrganization): Promise<string> {
  const id = randomUUID();
  await domain().sql.query(
    `INSERT INTO prices (id, organization_id, provider, model, match, units, source, source_version)
     SELECT $1, $2, o.provider, o.model, o.match, m.units, 'a contract', '1'
       FROM (SELECT * FROM prices WHERE provider = 'openai' AND model = 'gpt-4o' AND organization_id IS NULL
              ORDER BY valid_from DESC NULLS LAST LIMIT 1) o,
            (SELECT * FROM prices WHERE provider = 'openai' AND model = 'gpt-4o-mini' AND organization_id IS NULL
              ORDER BY valid_from DESC NULLS LAST LIMIT 1) m`,
    [id, uuid],
  );
  return id;
}

it('a price of an organization’s own is in force from the next start on, for it and nobody else', async () => {
  const [one, other] = [await makeOrganization(domain()), await makeOrganization(domain())];
  const priceId = await makeOwnPrice(one);
  const started = await openTestDomain({ connectionString: domain().url });
  const costOf = async (organization: MadeOrganization, model = 'gpt-4o') => {
    const [row] = await makeRows(await started.contextOf(organization), [{ model }]);
    return row?.event;
  };
  expect(await costOf(one)).toMatchObject({ cost: MINI_COST, costSource: 'override', priceId });
  expect(await costOf(one, 'gpt-4o-mini')).toMatchObject({ cost: MINI_COST, costSource: 'catalog' });
  expect(await costOf(other)).toMatchObject({ cost: EVENT_COST, costSource: 'catalog' });
  await started.close();
});
