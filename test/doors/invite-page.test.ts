import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { useTestApp } from '../harness/app.ts';
import { type MadeTeam, makeTeam } from '../harness/make.ts';

const meterr = useTestApp({ env: { METERR_AUTH_FAILURES_PER_MINUTE: '4' } });
const FORM = 'application/x-www-form-urlencoded';
const WRONG = `inv_00${'A'.repeat(43)}`;
let team: MadeTeam;

beforeEach(async () => {
  team = await makeTeam(meterr(), meterr().organization, { name: `<i>"Labs"</i> & ${Math.random()}` });
});

async function makeLink(email = 'ann@example.com'): Promise<{ token: string; path: string }> {
  const body = { email, role: 'member' };
  const sent = await meterr().ok<{ accept_url: string }>('POST', `/v1/teams/${team.id}/invite`, { body });
  const url = new URL(sent.accept_url);
  return { token: url.searchParams.get('token') ?? '', path: url.pathname + url.search };
}

async function open(path: string, init?: RequestInit, address?: string) {
  const response = await meterr().fetch(path, init, address);
  return { status: response.status, headers: response.headers, html: await response.text() };
}

const send = (token: string, name: string, address?: string, type = FORM) =>
  open(
    '/invites/accept',
    { method: 'POST', headers: { 'content-type': type }, body: String(new URLSearchParams({ token, name })) },
    address,
  );
const countMembers = async () =>
  (await meterr().sql.query('SELECT count(*) FROM members WHERE team_id = $1', [team.uuid])).rows[0].count;
const textOf = (html: string) =>
  html
    .replaceAll(/<style>[\s\S]*<\/style>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');

describe('the page of an invite', () => {
  it('shows a form, and changes nothing however often it is opened', async () => {
    const { path, token } = await makeLink();
    for (let i = 0; i < 3; i++) {
      const { status, html, headers } = await open(path);
      expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(textOf(html)).toContain(`Join ${team.name}`);
      expect(html).not.toContain('<i>');
      expect(html).toContain('ann@example.com');
      expect(html).toMatch(/<form method="post" action="accept">/);
      expect(html).toContain(`name="token" value="${token}"`);
    }
    expect(await countMembers()).toBe(0);
    expect((await open(path, { method: 'HEAD' })).status).toBe(200);
  });

  it('accepts by its form without any script, and shows the key once', async () => {
    const { path, token } = await makeLink();
    const { status, html, headers } = await send(token, ' Ann "the <b>" ');
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(html).not.toContain('<b>');
    expect(textOf(html)).toContain('Welcome, Ann "the <b>"');
    const secret = /mtr_live_00[\w-]{43}/.exec(html)?.[0] ?? '';
    const me = await meterr().ok<{ api_key: { team_id: string } }>('GET', '/v1/me', { key: secret });
    expect(me.api_key.team_id).toBe(team.id);
    expect((await open(path)).status).toBe(404);
    expect((await send(token, 'Again')).status).toBe(404);
    expect(await countMembers()).toBe(1);
  });

  it('says what is wrong with a name, and can be sent again', async () => {
    const { token } = await makeLink();
    const refused = await send(token, '  ');
    expect(refused.status).toBe(400);
    expect(refused.html).toContain('Your name must not be empty.');
    expect(refused.html).toContain(`value="${token}"`);
    expect((await send(token, 'x'.repeat(101))).status).toBe(400);
    expect((await send(token, 'Ann')).status).toBe(200);
  });

  it('runs no script, loads nothing, tells its address to nobody and is kept by nobody', async () => {
    const { path } = await makeLink();
    for (const { html, headers } of [
      await open(path),
      await open(`/invites/accept?token=${WRONG}`, {}, '203.0.113.1'),
    ]) {
      const policy = headers.get('content-security-policy') ?? '';
      const style = /<style>([\s\S]*)<\/style>/.exec(html)?.[1] ?? '';
      expect(policy).toContain(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`);
      expect(policy).toContain("default-src 'none'; script-src 'none'");
      expect(policy).toContain("form-action 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(html).not.toMatch(/<script|<link|<img|style="|\son\w+="|https?:/);
    }
  });

  it('of a wrong link says that it is no longer valid: 404, the same with no token', async () => {
    const address = '203.0.113.2';
    const wrong = await open(`/invites/accept?token=${WRONG}`, {}, address);
    const none = await open('/invites/accept', {}, address);
    expect([wrong.status, none.status]).toEqual([404, 404]);
    expect(wrong.html).toContain('This link is no longer valid');
    expect(none.html).toBe(wrong.html);
    expect(wrong.html).not.toContain('<form');
  });

  it('counts wrong links as failed authentication of their address, whether opened or sent', async () => {
    const address = '203.0.113.3';
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) {
      statuses.push((await open(`/invites/accept?token=${WRONG}`, {}, address)).status);
      statuses.push((await send(WRONG, 'Eve', address)).status);
    }
    expect(statuses).toEqual([404, 404, 404, 404, 429, 429]);
    expect((await meterr().rest('GET', '/v1/me', { key: 'mtr_live_wrong', address })).status).toBe(429);
    const late = await open(`/invites/accept?token=${WRONG}`, {}, address);
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it.each<[string, RequestInit, number]>([
    ['JSON', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }, 415],
    ['a form of 20,000 bytes', { method: 'POST', headers: { 'content-type': FORM }, body: 'x'.repeat(20_000) }, 413],
    ['DELETE', { method: 'DELETE' }, 405],
    ['OPTIONS', { method: 'OPTIONS' }, 204],
  ])('takes no %s', async (_, init, status) => {
    const answer = await open('/invites/accept', init);
    expect(answer.status).toBe(status);
    if (status === 405) expect(answer.headers.get('allow')).toBe('GET, HEAD, POST');
  });
});

it('without METERR_PUBLIC_URL the link leads to where the server listens', async () => {
  const { app } = meterr();
  const { port } = await app.listen(0, '127.0.0.1');
  const body = { email: 'where@example.com', role: 'viewer' };
  const sent = await meterr().ok<{ accept_url: string }>('POST', `/v1/teams/${team.id}/invite`, { body });
  expect(sent.accept_url).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:${port}/invites/accept\\?token=inv_`));
  expect((await fetch(sent.accept_url)).status).toBe(200);
});
