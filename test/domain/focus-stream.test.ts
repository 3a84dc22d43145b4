import pg from 'pg';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { useTestApp } from '../harness/app.ts';
import { attoOfCell, type FileRow, readFile, sumOf } from '../harness/focus-file.ts';
import { attoOf } from '../harness/ledger.ts';
import { EVENT, EVENT_COST, type MadeOrganization, makeOrganization, makeUsage } from '../harness/make.ts';

const meterr = useTestApp();
const NDJSON = 'application/x-ndjson';
/** More than five steps of 5,000 rows, and with two units each more rows than a day has in memory. */
const COPIES = 26_000;
const STEPS = 6;

/** Copies the newest event behind the product's back, a second apart, all before it, each with a tag of its own. */
async function multiply({ uuid }: MadeOrganization): Promise<void> {
  const { rows: columns } = await meterr().sql.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'usage_events'
        AND column_name NOT IN ('id', 'event_id', 'time', 'position', 'tags')`,
  );
  const names = columns.map(({ name }) => `"${name}"`).join(', ');
  await meterr().sql.query(
    `INSERT INTO usage_events (id, event_id, time, tags, ${names})
     SELECT uuid_v7_at(at), 'copy-' || n, at, jsonb_build_object('n', n::text, 'third', (n % 3)::text), ${names}
       FROM (SELECT * FROM usage_events WHERE organization_id = $1 ORDER BY id DESC LIMIT 1) e,
            generate_series(1, $2::int) n, LATERAL (SELECT e.time - n * interval '1 second' AS at) t`,
    [uuid, COPIES],
  );
}

describe('a file of very many events', () => {
  let organization: MadeOrganization;
  let key: string;

  beforeAll(async () => {
    organization = await makeOrganization(meterr());
    key = organization.key.secret;
    const at = ['2026-11-18T10:00:00Z', '2026-11-19T10:00:00Z', '2026-11-20T23:00:00Z'];
    await makeUsage(
      meterr(),
      key,
      at.map((timestamp) => ({ timestamp })),
    );
    await multiply(organization);
    await meterr().sql.query('ANALYZE usage_events, usage_series');
  });

  async function open(query: string) {
    const headers = { authorization: `Bearer ${key}`, accept: NDJSON };
    const response = await meterr().fetch(`/v1/costs/export?${query}`, { headers });
    expect(response.status).toBe(200);
    return (response.body as ReadableStream<Uint8Array>).getReader();
  }

  async function exportRows(query: string): Promise<FileRow[]> {
    const { text, headers } = await meterr().rest('GET', `/v1/costs/export?${query}`, {
      key,
      headers: { accept: NDJSON },
    });
    return readFile(text, headers.get('content-type'));
  }

  const costOf = (events: number) => BigInt(events) * attoOf(EVENT_COST);

  it('has them all, added up, however many steps they are read in', async () => {
    const begun = vi.spyOn(pg.Client.prototype, 'query');
    const rows = await exportRows('start=2026-11-20T00:00:00Z');
    const steps = begun.mock.calls.filter(
      ([query]) => typeof query === 'string' && query.startsWith('BEGIN ISOLATION'),
    );
    begun.mockRestore();
    expect(rows).toHaveLength(2);
    expect(sumOf(rows)).toBe(costOf(COPIES + 1));
    // The days after, of which there are three, are a step each.
    expect(steps.length).toBe(STEPS + 2);
  });

  it('is read in the same steps where hardly any event fits the filter', async () => {
    expect(sumOf(await exportRows('tag[n]=17'))).toBe(costOf(1));
    expect(sumOf(await exportRows('tag[third]=1&tag_keys=third'))).toBe(costOf(Math.ceil(COPIES / 3)));
  });

  it('adds up where a day has more rows than memory is to hold, in pages of at most two thousand', async () => {
    const rows = await exportRows('start=2026-11-20T00:00:00Z&tag_keys=n');
    expect(rows.length).toBe(2 * (COPIES + 1));
    expect(sumOf(rows)).toBe(costOf(COPIES + 1));
    const input = rows.filter(({ SkuMeter }) => SkuMeter === 'input_tokens');
    const tokens = input.reduce((sum, row) => sum + attoOfCell(row.PricingQuantity), 0n);
    expect(tokens).toBe(BigInt(EVENT.input_tokens * (COPIES + 1)) * attoOf('1'));
    expect(new Set(rows.map(({ Tags, SkuMeter }) => JSON.stringify([Tags, SkuMeter]))).size).toBe(rows.length);
  });

  it('may be broken off: nothing more is read', async () => {
    const reader = await open('');
    await reader.read();
    await reader.cancel();
    await meterr().ok('GET', '/v1/me', { key });
    const begun = vi.spyOn(pg.Client.prototype, 'query');
    await meterr().ok('GET', '/v1/me', { key });
    const steps = begun.mock.calls.filter(
      ([query]) => typeof query === 'string' && query.startsWith('BEGIN ISOLATION'),
    );
    begun.mockRestore();
    expect(steps).toEqual([]);
  });

  it('ends with an error where retention removes meanwhile what is still to be read', async () => {
    const reader = await open('');
    expect((await reader.read()).done).toBe(false);
    const retire = 'UPDATE organizations SET retired_before = $2 WHERE id = $1';
    await meterr().sql.query(retire, [organization.uuid, '2026-11-21T00:00:00Z']);
    const readOn = async () => {
      while (!(await reader.read()).done);
    };
    await expect(readOn()).rejects.toThrow();
    await meterr().sql.query(retire, [organization.uuid, null]);
  });
});
