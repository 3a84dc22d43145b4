import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMailer } from '../../../src/platform/mail/mailer.ts';
import { createTestApp, type TestApp } from '../../harness/app.ts';
import { type MailServer, startMailServer } from '../../harness/mail-server.ts';
import { makeMember, makeTeam } from '../../harness/make.ts';
import { makeCertificate } from '../../harness/make-certificate.ts';

interface InviteAnswer {
  id: string;
  mail: string;
  accept_url?: string;
}

const certificate = makeCertificate();
const trusted = tls.getCACertificates('default');
const REFUSED = 'nobody@example.com';
const FROM = 'Meterr at Acme <meterr@acme.example>';
let mails: MailServer;
let meterr: TestApp;

const urlOf = (port: number, user = 'meterr:a%20secret') => `smtp://${user}@localhost:${port}`;

beforeAll(async () => {
  tls.setDefaultCACertificates([...trusted, certificate.cert]);
  mails = await startMailServer({ ...certificate, refused: [REFUSED] });
  meterr = await createTestApp({ env: { SMTP_URL: urlOf(mails.port), METERR_MAIL_FROM: FROM } });
});
afterAll(async () => {
  tls.setDefaultCACertificates(trusted);
  await meterr?.close();
  await mails?.close();
});

/** The parts of a multipart/alternative mail, decoded. */
function readMail(raw: string) {
  const [head = '', ...rest] = raw.split('\r\n\r\n');
  const headers = head.replaceAll(/\r\n[ \t]+/g, ' ');
  const boundary = /boundary="([^"]+)"/.exec(headers)?.[1] ?? '';
  const parts = rest.join('\r\n\r\n').split(`--${boundary}`);
  const decode = (part = '') => {
    const [partHead = '', ...body] = part.split('\r\n\r\n');
    const text = body.join('\r\n\r\n');
    if (/encoding: base64/i.test(partHead)) return Buffer.from(text, 'base64').toString();
    const joined = text.replaceAll('=\r\n', '');
    const bytes = joined.replaceAll(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
    return /quoted-printable/i.test(partHead) ? Buffer.from(bytes, 'latin1').toString() : text;
  };
  const find = (type: string) => decode(parts.find((part) => part.toLowerCase().includes(`content-type: ${type}`)));
  return { headers, text: find('text/plain'), html: find('text/html') };
}

const DAY_AFTER = 'Sunday 29 November 2026, 10:00 UTC';

describe('the mail of an invite', () => {
  it('arrives over STARTTLS, with login, as text and HTML: who, which team, role, link and until when', async () => {
    const team = await makeTeam(meterr, meterr.organization, { name: 'Research & <b>Labs</b>' });
    const owner = await makeMember(meterr, meterr.organization, team, 'owner', 'Ann Lee');
    const sent = await meterr.rest<InviteAnswer>('POST', `/v1/teams/${team.id}/invite`, {
      key: owner.key.secret,
      body: { email: 'Bea@Example.com', role: 'viewer' },
    });
    expect(sent).toMatchObject({ status: 201, body: { mail: 'sent' } });
    expect(sent.body).not.toHaveProperty('accept_url');

    const mail = mails.received.at(-1);
    expect(mail).toMatchObject({
      from: 'meterr@acme.example',
      to: ['bea@example.com'],
      isSecure: true,
      user: 'meterr',
    });
    const { headers, text, html } = readMail(mail?.raw ?? '');
    expect(headers).toContain('From: Meterr at Acme <meterr@acme.example>');
    expect(headers).toContain('multipart/alternative');
    for (const part of [text, html]) {
      expect(part).toContain('Ann Lee');
      expect(part).toContain('viewer');
      expect(part.replace(/,/g, '')).toContain(DAY_AFTER.replace(/,/g, ''));
    }
    expect(text).toContain('the team Research & <b>Labs</b> of My organization');
    expect(html).toContain('Research &amp; &lt;b&gt;Labs&lt;/b&gt;');
    expect(html).not.toMatch(/<b>Labs|<img|<script|<link|src=|url\(/);
    const link = /http:\/\/[^\s"<]+\/invites\/accept\?token=(inv_00[\w-]{43})/.exec(text);
    expect(html).toContain(link?.[0]);
    const body = { token: link?.[1], name: 'Bea' };
    const accepted = await meterr.rest('POST', '/v1/invites/accept', { key: null, body });
    expect(accepted).toMatchObject({ status: 201, body: { member: { email: 'bea@example.com', role: 'viewer' } } });
  });

  it('has one recipient and its own headers, whatever a team is called and whoever is invited', async () => {
    const count = mails.received.length;
    const name = 'Team\r\nBcc: eve@example.com\r\n\r\n<script>';
    const team = await makeTeam(meterr, meterr.organization, { name });
    const path = `/v1/teams/${team.id}/invite`;
    for (const email of ['x@x.test\r\nBcc: evil@x.test', 'x@x.test, evil@x.test', 'x@x.test\nRCPT TO:<evil@x.test>']) {
      expect((await meterr.rest('POST', path, { body: { email, role: 'viewer' } })).status).toBe(400);
    }
    await meterr.ok('POST', path, { body: { email: 'only@example.com', role: 'viewer' } });
    expect(mails.received).toHaveLength(count + 1);
    const mail = mails.received.at(-1);
    expect(mail?.to).toEqual(['only@example.com']);
    const { headers, text, html } = readMail(mail?.raw ?? '');
    expect(headers).not.toMatch(/^bcc:/im);
    expect(headers).toMatch(/^Subject: .*Team Bcc: eve@example.com <script> in Meterr$/m);
    expect(text).toContain('the team Team Bcc: eve@example.com <script> of');
    expect(html).not.toContain('<script>');
  });
});

describe('a mail that cannot be sent', () => {
  async function inviteWith(smtpUrl: string, email = 'ann@example.com') {
    const other = await createTestApp({ env: { SMTP_URL: smtpUrl } });
    try {
      const team = await makeTeam(other, other.organization);
      const path = `/v1/teams/${team.id}/invite`;
      const answer = await other.rest<InviteAnswer>('POST', path, { body: { email, role: 'member' } });
      const warned = other.logged.filter(({ msg }) => msg === 'the mail of an invite could not be sent');
      return { answer, warned };
    } finally {
      await other.close();
    }
  }

  it.each<[string, () => string, string?]>([
    ['a wrong password', () => urlOf(mails.port, 'meterr:wrong')],
    ['a recipient that the server refuses', () => urlOf(mails.port), REFUSED],
    ['a server that is not there', () => urlOf(1)],
  ])('for %s leaves the invite, with its link in the answer and a warning in the log', async (_, url, email) => {
    const { answer, warned } = await inviteWith(url(), email);
    expect(answer).toMatchObject({
      status: 201,
      body: { mail: 'failed', accept_url: expect.stringContaining('inv_00') },
    });
    expect(warned).toHaveLength(1);
    expect(JSON.stringify(warned)).not.toContain('inv_00');
    expect(answer.text).not.toContain('password');
  });

  it('because nobody vouches for the server is not sent', async () => {
    tls.setDefaultCACertificates(trusted);
    try {
      const { answer } = await inviteWith(urlOf(mails.port));
      expect(answer.body.mail).toBe('failed');
      const { answer: unchecked } = await inviteWith(`${urlOf(mails.port)}?tls.rejectUnauthorized=false`);
      expect(unchecked.body.mail).toBe('sent');
    } finally {
      tls.setDefaultCACertificates([...trusted, certificate.cert]);
    }
  });

  it('because the server says nothing is given up after the time-out', async () => {
    const mute = createServer().listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    const mailer = createMailer({ smtpUrl: `smtp://127.0.0.1:${port}`, from: FROM, timeoutMs: 50 });
    const mail = { to: 'ann@example.com', subject: 's', text: 't', html: 'h' };
    await expect(mailer.send(mail)).rejects.toThrow();
    mute.close();
  });
});
