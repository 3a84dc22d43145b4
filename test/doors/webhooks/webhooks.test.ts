import { describe, expect, it } from 'vitest';
import type { ListAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { makeOrganization, makeTeam } from '../../harness/make.ts';
import { pathsOf } from '../budget-answers.ts';
import { type CreatedAnswer, makeWebhook, type WebhookAnswer } from './webhook-answers.ts';

const meterr = useTestApp();
const URL = 'https://receiver.invalid/hook';

describe('a webhook', () => {
  it('shows its secret when it is made and when it is rotated, never again, and not in the audit log', async () => {
    const organization = await makeOrganization(meterr());
    const { secret: key } = organization.key;
    const made = await makeWebhook(meterr(), organization, { url: URL, events: ['usage.exceeded', 'usage.exceeded'] });
    expect(made).toEqual({
      id: expect.stringMatching(/^webhook_/),
      url: URL,
      events: ['usage.exceeded'],
      team_id: null,
      format: 'standard',
      description: null,
      status: 'enabled',
      disabled_reason: null,
      created_at: expect.any(String),
      secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
    });
    const { secret, ...shown } = made;
    const path = `/v1/webhooks/${made.id}`;
    expect(await meterr().ok('GET', path, { key })).toEqual(shown);
    const rotated = await meterr().ok<CreatedAnswer>('POST', `${path}/rotate-secret`, { key });
    expect(rotated).toEqual({ ...shown, secret: expect.not.stringContaining(secret) });
    const list = await meterr().ok<ListAnswer<WebhookAnswer>>('GET', '/v1/webhooks', { key });
    expect(list.data).toEqual([shown]);
    const changed = await meterr().ok('PATCH', path, {
      key,
      body: { description: 'Pages us', events: ['*', 'usage.exceeded'] },
    });
    expect(changed).toEqual({ ...shown, description: 'Pages us', events: ['*'] });
    await meterr().ok('PATCH', path, { key, body: { description: 'Pages us' } });
    await meterr().ok('DELETE', path, { key });
    const { rows } = await meterr().sql.query(
      'SELECT action, before, after FROM audit_entries WHERE organization_id = $1 ORDER BY id',
      [organization.uuid],
    );
    expect(rows.map(({ action }) => action).sort()).toEqual([
      'webhook.created',
      'webhook.deleted',
      'webhook.secret_rotated',
      'webhook.updated',
    ]);
    expect(JSON.stringify(rows)).not.toContain('whsec_');
    const { rows: stored } = await meterr().sql.query(
      'SELECT secret, previous_secret FROM webhooks WHERE organization_id = $1',
      [organization.uuid],
    );
    expect(stored).toEqual([{ secret: Buffer.alloc(0), previous_secret: null }]);
  });

  it('is made once for one Idempotency-Key, and the repeat shows the same secret', async () => {
    const { secret: key } = (await makeOrganization(meterr())).key;
    const options = { key, body: { url: URL, events: ['*'] }, headers: { 'idempotency-key': 'once' } };
    const first = await meterr().rest('POST', '/v1/webhooks', options);
    const second = await meterr().rest('POST', '/v1/webhooks', options);
    expect(second.text).toBe(first.text);
    expect(second.headers.get('cache-control')).toBe('no-store');
  });

  it('is had in GraphQL by the same words', async () => {
    const { secret: key } = (await makeOrganization(meterr())).key;
    const input = { url: URL, events: ['credits.low'], format: 'SLACK' };
    const { createWebhook } = await meterr().data<{ createWebhook: { id: string } }>(
      'mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { id secret format status } }',
      { input },
      { key },
    );
    expect(createWebhook).toMatchObject({
      format: 'SLACK',
      status: 'ENABLED',
      secret: expect.stringContaining('whsec_'),
    });
    const { node } = await meterr().data<{ node: object }>(
      'query ($id: ID!) { node(id: $id) { ... on Webhook { url events secret disabledReason } } }',
      { id: createWebhook.id },
      { key },
    );
    expect(node).toEqual({ url: URL, events: ['credits.low'], secret: null, disabledReason: null });
  });

  it.each([
    [{ url: 'http://8.8.8.8/' }, 'url'],
    [{ url: 'https://127.0.0.1/' }, 'url'],
    [{ url: 'https://localhost/' }, 'url'],
    [{ url: 'https://user:secret@8.8.8.8/' }, 'url'],
    [{ url: 'https://8.8.8.8:22/' }, 'url'],
    [{ url: 'no url' }, 'url'],
    [{ url: '' }, 'url'],
    [{ url: `https://8.8.8.8/${'x'.repeat(2_048)}` }, 'url'],
    [{ events: [] }, 'events'],
    [{ events: ['usage.imagined'] }, 'events.0'],
    [{ events: Array(51).fill('*') }, 'events'],
    [{ description: 'x'.repeat(501) }, 'description'],
    [{ team_id: 'team_01h455vb4pex5vsknk084sn02q' }, 'team_id'],
    [{ format: 'teams' }, 'format'],
    [{ secret: 'mine' }, 'secret'],
  ])('is refused by the name of the field: %j', async (body, path) => {
    const { error } = await meterr().rest('POST', '/v1/webhooks', { body: { url: URL, events: ['*'], ...body } });
    expect(pathsOf(error)).toEqual({ code: 'invalid_request', paths: [path] });
  });

  it('whose name does not resolve yet is accepted', async () => {
    const made = await makeWebhook(meterr(), meterr().organization, { url: 'https://not-there-yet.invalid/hook' });
    expect(made.status).toBe('enabled');
  });

  it('is one of at most 100 of an organization, however many are made at once', async () => {
    const organization = await makeOrganization(meterr());
    const { secret: key } = organization.key;
    await meterr().sql.query(
      `INSERT INTO webhooks (organization_id, id, url, event_types, secret, created_at, updated_at)
       SELECT $1, gen_random_uuid(), 'https://receiver.invalid/', '{*}', '', now(), now() FROM generate_series(1, 98)`,
      [organization.uuid],
    );
    const body = { url: URL, events: ['*'] };
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => meterr().rest('POST', '/v1/webhooks', { key, body })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409, 409, 409]);
  });

  it('of a team ends with the team', async () => {
    const organization = await makeOrganization(meterr());
    const { secret: key } = organization.key;
    const team = await makeTeam(meterr(), organization);
    const { id } = await makeWebhook(meterr(), organization, { url: URL, team_id: team.id });
    const whole = await makeWebhook(meterr(), organization, { url: URL });
    await meterr().ok('DELETE', `/v1/teams/${team.id}`, { key });
    expect((await meterr().rest('GET', `/v1/webhooks/${id}`, { key })).status).toBe(404);
    expect((await meterr().rest('GET', `/v1/webhooks/${whole.id}`, { key })).status).toBe(200);
  });
});
