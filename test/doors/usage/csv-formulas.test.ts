import { beforeAll, describe, expect, it } from 'vitest';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, type MadeOrganization, makeOrganization, makeUsage } from '../../harness/make.ts';

const meterr = useTestApp();
const FORMULAS = ['=1+1', '+1', '-1', '@SUM(1)', '\t=1', '\r=1', '-5'];

describe('CSV in a spreadsheet', () => {
  let organization: MadeOrganization;

  beforeAll(async () => {
    organization = await makeOrganization(meterr());
    await makeUsage(
      meterr(),
      organization.key.secret,
      FORMULAS.map((user_id) => ({
        user_id,
        model: user_id.trim(),
        provider: 'x',
        cost: '0.5',
        timestamp: '2026-11-20T10:00:00Z',
      })),
    );
    const [id] = await makeUsage(meterr(), organization.key.secret, [{ ...EVENT, user_id: 'voided' }]);
    const body = { reason: '=cmd' };
    await meterr().ok('POST', `/v1/usage/${id}/void`, { key: organization.key.secret, body });
  });

  /** The cells of a column, quotes taken off. None of these has a comma. */
  async function column(name: string, query = ''): Promise<string[]> {
    const options = { key: organization.key.secret, headers: { accept: 'text/csv' } };
    const { text } = await meterr().rest('GET', `/v1/usage/history${query}`, options);
    const [head = '', ...lines] = text.split('\r\n').filter((line) => line !== '');
    const at = head.split(',').indexOf(name);
    const cells = (line: string) =>
      line.match(/("([^"]|"")*"|[^,"]*)(,|$)/g)?.map((cell) => cell.replace(/,$/, '')) ?? [];
    return lines.map((line) => (cells(line)[at] ?? '').replace(/^"|"$/g, ''));
  }

  it('runs no cell: what a spreadsheet would run has an apostrophe in front', async () => {
    const users = await column('user_id');
    expect(users.toSorted()).toEqual([...FORMULAS.map((text) => `'${text}`), 'voided', 'voided'].toSorted());
    expect(await column('void_reason')).toContain("'=cmd");
  });

  it('keeps negative numbers numbers', async () => {
    expect(await column('cost')).toContain('-0.0075');
    expect(await column('input_tokens')).toContain('-1000');
    expect(await column('requests')).toContain('-1');
  });

  it('has every cell as it is, where it is asked for', async () => {
    const users = await column('user_id', '?raw=true');
    expect(users.toSorted()).toEqual([...FORMULAS, 'voided', 'voided'].toSorted());
    expect(await column('user_id', '?raw=false')).toContain("'=1+1");
    expect((await meterr().rest('GET', '/v1/usage/history?raw=maybe')).status).toBe(400);
  });

  it('is not changed in JSON or NDJSON', async () => {
    const options = { key: organization.key.secret, headers: { accept: 'application/x-ndjson' } };
    const { text } = await meterr().rest('GET', '/v1/usage/history', options);
    expect(text).toContain('"user_id":"=1+1"');
  });
});
