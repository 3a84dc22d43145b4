import { expect, it } from 'vitest';
import { schema } from '../../../src/graphql/schema.ts';
import type { ListAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT_INPUT, type MadeOrganization, makeOrganization, makeUsage } from '../../harness/make.ts';

// Every mutation of the schema writes what it changed to the audit log, or stands in a list with the
// reason why it does not. A new mutation fails here until it is in one of the two.

const OPERATOR_KEY = 'operator-key-of-the-tests';
const meterr = useTestApp({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY } });

const NOT_AUDITED: Readonly<Record<string, string>> = {
  recordUsage: 'The ledger itself keeps each event for ever, with its API key.',
  recordUsageBatch: 'As recordUsage.',
  createHold: 'A reservation of a call, which changes no setting; the hold keeps its API key.',
  releaseHold: 'As createHold.',
  testWebhook: 'It changes nothing; its delivery is listed among those of the webhook.',
};

interface Made {
  organization: MadeOrganization;
  /** Asks a mutation with the organization's key and returns its answer. */
  ask(field: string, input: object, key?: string): Promise<Record<string, unknown>>;
}

interface Audited {
  /** The action of the newest entry. */
  action: string;
  /** Runs the mutation, after what it needs; returns the id of what it changed. */
  run(made: Made): Promise<unknown>;
}

const BUDGET = { name: 'All', amount: '1', period: 'DAY' };
const team = async ({ ask }: Made) => (await ask('createTeam', { name: 'A team' })).id;
const budget = async ({ ask }: Made) => (await ask('createBudget', BUDGET)).id;

const apiKey = async ({ ask }: Made) => (await ask('createApiKey', { name: 'A key', preset: 'READ' })).id;
async function invite({ ask }: Made, teamId: unknown) {
  return ask('inviteMember', { teamId, email: 'ann@example.com', role: 'MEMBER' });
}
async function accept(made: Made) {
  const { id, acceptUrl } = await invite(made, await team(made));
  const token = new URL(String(acceptUrl)).searchParams.get('token');
  const { member } = await made.ask('acceptInvite', { token, name: 'Ann' });
  return { invite: id, member: (member as { id: string }).id };
}

const mute = async ({ ask }: Made) => (await ask('createAnomalyMute', { until: '2027-10-31T00:00:00Z' })).id;
const WEBHOOK = { url: 'https://receiver.invalid/hook', events: ['usage.exceeded'] };
const webhook = async ({ ask }: Made) => (await ask('createWebhook', WEBHOOK)).id;

const OWN = { provider: 'openai', model: 'ours' };
const price = async ({ ask }: Made) => (await ask('createPrice', { ...OWN, discountPercent: '10' })).id;
const alias = async ({ ask }: Made) => (await ask('createModelAlias', { ...OWN, targetModel: 'gpt-4o' })).id;

/** Sends again the delivery of an event that is raised once the webhook waits for it. */
async function redeliver(made: Made): Promise<unknown> {
  const { organization, ask } = made;
  const id = await webhook(made);
  await ask('createBudget', { ...BUDGET, amount: '0.001' });
  await makeUsage(meterr(), organization.key.secret);
  const { data } = await meterr().ok<ListAnswer<{ id: string }>>('GET', `/v1/webhooks/${id}/deliveries`, {
    key: organization.key.secret,
  });
  await ask('redeliverWebhook', { id: data[0]?.id });
  return id;
}

const AUDITED: Readonly<Record<string, Audited>> = {
  createApiKey: { action: 'api_key.created', run: apiKey },
  updateApiKey: {
    action: 'api_key.updated',
    run: async (made) => (await made.ask('updateApiKey', { id: await apiKey(made), name: 'Another' })).id,
  },
  rotateApiKey: {
    action: 'api_key.rotated',
    run: async (made) => (await made.ask('rotateApiKey', { id: await apiKey(made), graceSeconds: 60 })).id,
  },
  revokeApiKey: {
    action: 'api_key.revoked',
    run: async (made) => (await made.ask('revokeApiKey', { id: await apiKey(made) })).id,
  },
  inviteMember: { action: 'invite.created', run: async (made) => (await invite(made, await team(made))).id },
  revokeInvite: {
    action: 'invite.revoked',
    run: async (made) => (await made.ask('revokeInvite', { id: (await invite(made, await team(made))).id })).id,
  },
  acceptInvite: { action: 'invite.accepted', run: async (made) => (await accept(made)).invite },
  updateMember: {
    action: 'member.updated',
    run: async (made) => (await made.ask('updateMember', { id: (await accept(made)).member, role: 'VIEWER' })).id,
  },
  removeMember: {
    action: 'member.removed',
    run: async (made) => (await made.ask('removeMember', { id: (await accept(made)).member })).id,
  },
  createWebhook: { action: 'webhook.created', run: webhook },
  updateWebhook: {
    action: 'webhook.updated',
    run: async (made) => (await made.ask('updateWebhook', { id: await webhook(made), description: 'Another' })).id,
  },
  deleteWebhook: {
    action: 'webhook.deleted',
    run: async (made) => (await made.ask('deleteWebhook', { id: await webhook(made) })).id,
  },
  rotateWebhookSecret: {
    action: 'webhook.secret_rotated',
    run: async (made) => (await made.ask('rotateWebhookSecret', { id: await webhook(made) })).id,
  },
  redeliverWebhook: { action: 'webhook.redelivered', run: redeliver },
  createPrice: { action: 'price.created', run: price },
  endPrice: {
    action: 'price.ended',
    run: async (made) => (await made.ask('endPrice', { id: await price(made) })).id,
  },
  createModelAlias: { action: 'model_alias.created', run: alias },
  deleteModelAlias: {
    action: 'model_alias.deleted',
    run: async (made) => (await made.ask('deleteModelAlias', { id: await alias(made) })).id,
  },
  createTeam: { action: 'team.created', run: team },
  updateTeam: {
    action: 'team.updated',
    run: async (made) => (await made.ask('updateTeam', { id: await team(made), name: 'Another' })).id,
  },
  deleteTeam: {
    action: 'team.deleted',
    run: async (made) => (await made.ask('deleteTeam', { id: await team(made) })).id,
  },
  createBudget: { action: 'budget.created', run: budget },
  updateBudget: {
    action: 'budget.updated',
    run: async (made) => (await made.ask('updateBudget', { id: await budget(made), name: 'Another' })).id,
  },
  deleteBudget: {
    action: 'budget.deleted',
    run: async (made) => (await made.ask('deleteBudget', { id: await budget(made) })).id,
  },
  createAnomalyMute: { action: 'anomaly_mute.created', run: mute },
  deleteAnomalyMute: {
    action: 'anomaly_mute.deleted',
    run: async (made) => (await made.ask('deleteAnomalyMute', { id: await mute(made) })).id,
  },
  grantCredits: { action: 'credits.granted', run: async ({ ask }) => (await ask('grantCredits', { amount: '1' })).id },
  repriceUsage: {
    action: 'job.created',
    async run({ ask }) {
      const { job } = await ask('repriceUsage', { start: '2026-11-01T00:00:00Z', end: '2026-11-02T00:00:00Z' });
      return (job as { id: string }).id;
    },
  },
  voidUsage: {
    action: 'usage.voided',
    async run({ ask, organization }) {
      const [id] = await makeUsage(meterr(), organization.key.secret);
      await ask('voidUsage', { id, reason: 'a test' });
      return id;
    },
  },
  createOrganization: {
    action: 'organization.created',
    async run({ ask }) {
      const { id } = await ask('createOrganization', { name: 'Made' }, OPERATOR_KEY);
      return id;
    },
  },
  updateOrganization: {
    action: 'organization.updated',
    async run({ ask, organization: { id } }) {
      await ask('updateOrganization', { id, status: 'SUSPENDED' }, OPERATOR_KEY);
      return id;
    },
  },
};

const MUTATIONS = Object.keys(schema.getMutationType()?.getFields() ?? {});
/** Every secret that an answer showed. */
const secrets: string[] = [];

/** The strings in an answer that nobody may find in the log: values of fields that are named so. */
function collectSecrets(value: unknown, name = ''): void {
  if (typeof value === 'string') {
    if (/(secret|token|acceptUrl)$/i.test(name)) secrets.push(value);
  } else if (typeof value === 'object' && value !== null) {
    for (const [inner, one] of Object.entries(value)) collectSecrets(one, inner);
  }
}

/** All leaves of a mutation's answer, two levels deep. */
function selectionOf(field: string): string {
  const type = schema.getMutationType()?.getFields()[field]?.type;
  const fieldsOf = (name: string, depth: number): string => {
    const named = schema.getType(name.replaceAll(/[![\]]/g, ''));
    if (!named || !('getFields' in named)) return '';
    const own = Object.values(named.getFields()).flatMap((one) => {
      if ('args' in one && one.args.length > 0) return [];
      const isLeaf = !('getFields' in Object(schema.getType(String(one.type).replaceAll(/[![\]]/g, ''))));
      if (isLeaf) return [one.name];
      return depth > 0 ? [`${one.name} ${fieldsOf(String(one.type), depth - 1)}`] : [];
    });
    return own.length > 0 ? `{ ${own.join(' ')} }` : '{ __typename }';
  };
  return fieldsOf(String(type), 1);
}

async function make(): Promise<Made> {
  const organization = await makeOrganization(meterr(), { credits: 'prepaid' });
  return {
    organization,
    async ask(field, input, key = organization.key.secret) {
      const type = `${field[0]?.toUpperCase()}${field.slice(1)}Input`;
      const query = `mutation ($input: ${type}!) { ${field}(input: $input) ${selectionOf(field)} }`;
      const data = await meterr().data<Record<string, Record<string, unknown>>>(query, { input }, { key });
      collectSecrets(data);
      return data[field] ?? {};
    },
  };
}

it('every mutation is either audited or has a reason why not, and none that is gone is named', () => {
  expect([...Object.keys(AUDITED), ...Object.keys(NOT_AUDITED)].sort()).toEqual([...MUTATIONS].sort());
});

it.each(Object.entries(AUDITED))('%s is in the log, with what it changed', async (_, { action, run }) => {
  const target = await run(await make());
  const { rows } = await meterr().sql.query<{ action: string; address: string }>(
    'SELECT action, address, before, after FROM audit_entries WHERE target_id = $1 AND action = $2',
    [target, action],
  );
  expect(rows).toMatchObject([{ action, address: expect.any(String) }]);
  expect(rows[0]).not.toMatchObject({ before: null, after: null });
});

it.each(Object.entries(NOT_AUDITED))('%s writes no entry', async (field) => {
  const made = await make();
  const held = async () =>
    (await made.ask('createHold', { ...EVENT_INPUT, maxOutputTokens: 5, outputTokens: undefined })).id;
  const inputs: Record<string, () => Promise<object>> = {
    recordUsage: async () => EVENT_INPUT,
    recordUsageBatch: async () => ({ events: [EVENT_INPUT] }),
    createHold: async () => ({ provider: 'openai', model: 'gpt-4o', inputTokens: 1, maxOutputTokens: 1 }),
    releaseHold: async () => ({ id: await held() }),
    testWebhook: async () => ({ id: await webhook(made) }),
  };
  await made.ask('grantCredits', { amount: '100' });
  const input = (await inputs[field]?.()) ?? {};
  const readLog = () => meterr().ok<ListAnswer<object>>('GET', '/v1/audit-log', { key: made.organization.key.secret });
  const before = await readLog();
  expect(before.data.length).toBeGreaterThan(0);
  await made.ask(field, input);
  expect(await readLog()).toEqual(before);
});

it('no entry holds a secret: neither one that was shown, nor what looks like one, nor a field for it', async () => {
  const { rows } = await meterr().sql.query<{ text: string }>('SELECT a::text AS text FROM audit_entries a');
  expect(rows.length).toBeGreaterThan(Object.keys(AUDITED).length);
  expect(secrets.length).toBeGreaterThan(0);
  const log = rows.map(({ text }) => text).join('\n');
  expect([...secrets, OPERATOR_KEY, meterr().adminKey].filter((secret) => log.includes(secret))).toEqual([]);
  expect(log).not.toMatch(/mtr_live_|whsec_|inv_00/);
  expect(log).not.toMatch(/"[^"]*(secret|token(?!s)|password|hash|api_?key)"+ *:/i);
});
