const EVENT = {
  provider: 'openai',
  model: 'gpt-4o',
  input_tokens: 1000,
  output_tokens: 500,
  user_id: 'u-42',
  tags: { env: 'prod', feature: 'chat' },
};

const SPAN = {
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  name: 'chat gpt-4o',
  kind: 3,
  startTimeUnixNano: '1795856288000000000',
  endTimeUnixNano: '1795856289000000000',
  attributes: [
    { key: 'gen_ai.operation.name', value: { stringValue: 'chat' } },
    { key: 'gen_ai.provider.name', value: { stringValue: 'openai' } },
    { key: 'gen_ai.request.model', value: { stringValue: 'gpt-4o' } },
    { key: 'gen_ai.usage.input_tokens', value: { intValue: '1000' } },
    { key: 'gen_ai.usage.output_tokens', value: { intValue: '500' } },
  ],
};

/**
 * A body for each operation, by its id, that is accepted as it stands: the reference fills it in,
 * and its reader sends it. One made from the schema would set every field, and name things that
 * are not there.
 */
export const BODY_EXAMPLES: ReadonlyMap<string, object> = new Map<string, object>([
  ['recordUsage', EVENT],
  ['recordUsageBatch', { events: [EVENT, { ...EVENT, user_id: 'u-43' }] }],
  ['voidUsage', { reason: 'Sent by mistake.' }],
  ['recordTraces', { resourceSpans: [{ scopeSpans: [{ spans: [SPAN] }] }] }],
  ['takeLogs', { resourceLogs: [] }],
  ['takeMetrics', { resourceMetrics: [] }],
  ['estimateCost', EVENT],
  ['repriceUsage', { start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z', dry_run: true }],
  ['createHold', { provider: 'openai', model: 'gpt-4o', input_tokens: 1000, max_output_tokens: 500 }],
  [
    'createBudget',
    {
      name: 'Production',
      amount: '100.00',
      period: 'month',
      timezone: 'UTC',
      scope: { tags: { env: 'prod' } },
      thresholds: [50, 80, 100],
      action: 'alert',
    },
  ],
  ['updateBudget', { amount: '150.00' }],
  ['createAnomalyMute', { until: '2027-10-31T00:00:00Z' }],
  ['grantCredits', { amount: '50.00', note: 'Invoice 17' }],
  ['createApiKey', { name: 'Chat backend', scopes: ['usage:write', 'usage:read'] }],
  ['updateApiKey', { name: 'Chat backend', expires_at: '2030-01-01T00:00:00Z' }],
  ['rotateApiKey', { grace_seconds: 3600 }],
  [
    'createWebhook',
    {
      url: 'https://example.com/meterr',
      events: ['usage.exceeded', 'budget.recovered'],
      description: 'Pages the team',
    },
  ],
  ['updateWebhook', { events: ['*'] }],
  [
    'createPrice',
    {
      provider: 'openai',
      model: 'gpt-4o',
      units: [
        { unit: 'input_tokens', price: '2.00' },
        { unit: 'output_tokens', price: '8.00' },
      ],
    },
  ],
  ['createModelAlias', { provider: 'azure', model: 'our-deployment', target_model: 'gpt-4o' }],
  ['createTeam', { name: 'Search' }],
  ['updateTeam', { name: 'Search and answers' }],
  ['inviteMember', { email: 'ann@example.com', role: 'member' }],
  ['acceptInvite', { token: 'inv_00...', name: 'Ann' }],
  ['updateMember', { role: 'admin' }],
  ['createOrganization', { name: 'Acme', plan: 'pro', credits: 'none' }],
  ['updateOrganization', { plan: 'enterprise' }],
]);
