import { expect, it } from 'vitest';
import { formatUsd, slackMessage } from '../../src/domain/webhooks/sending/slack-message.ts';

const AT = new Date('2026-11-22T10:00:00Z');
const BUDGET = {
  teamId: null,
  limit: '1000',
  current: '1234.000000000000000001',
  budgetId: 'budget_01h455vb4pex5vsknk084sn02q',
  unit: 'usd',
  periodStart: '2026-11-01T00:00:00.000Z',
  periodEnd: '2026-12-01T00:00:00.000Z',
  subject: null,
  crossing: 1,
};

it('a message names the budget, the exact amount, the limit and the period, and leads to the budget', () => {
  const event = { id: '', type: 'usage.exceeded', createdAt: AT, data: BUDGET };
  expect(slackMessage(event, 'R&D <prod>', 'https://meterr.test')).toEqual({
    text:
      'Budget R&amp;D &lt;prod&gt; exceeded its limit: Used $1,234.000000000000000001, Limit $1,000.00, ' +
      'Period 2026-11-01 00:00 UTC to 2026-12-01 00:00 UTC',
    blocks: [
      {
        type: 'section',
        text: {
          type: 'mrkdwn',
          text:
            '*Budget R&amp;D &lt;prod&gt; exceeded its limit*\n*Used:* $1,234.000000000000000001\n*Limit:* $1,000.00\n' +
            '*Period:* 2026-11-01 00:00 UTC to 2026-12-01 00:00 UTC',
        },
      },
      {
        type: 'context',
        elements: [
          {
            type: 'mrkdwn',
            text: `usage.exceeded at 2026-11-22T10:00:00.000Z · <https://meterr.test/v1/budgets/${BUDGET.budgetId}|Open in Meterr>`,
          },
        ],
      },
    ],
  });
});

it.each([
  [
    'usage.exceeded',
    { ...BUDGET, limit: 2_000_000, current: 2_000_001, unit: 'tokens', subject: '<u&42>' },
    'Used 2,000,001 tokens, Limit 2,000,000 tokens',
  ],
  ['budget.threshold_reached', { ...BUDGET, threshold: 80 }, 'Budget Main reached 80 % of its limit'],
  ['budget.recovered', BUDGET, 'Budget Main is below its limit again'],
  [
    'credits.low',
    { available: '9.5', granted: '100' },
    'Prepaid credits are running low: Available $9.50, Granted $100.00',
  ],
  ['credits.exhausted', { available: '-1', granted: '100' }, 'Prepaid credits are used up: Available -$1.00'],
  [
    'usage.unpriced',
    { provider: 'openai', model: 'gpt-<9>', serviceTier: 'batch', reason: 'unknown_model', usageId: 'usage_x' },
    'Usage without a price was recorded: Provider openai, Model gpt-&lt;9&gt;, Service tier batch, Reason unknown_model',
  ],
  [
    'usage.anomaly',
    {
      ...{ teamId: null, apiKeyId: 'key_x', interval: 'hour', expected: '1', lower: '0', upper: '5.5', actual: '1100' },
      ...{ start: '2026-11-22T10:00:00.000Z', end: '2026-11-22T11:00:00.000Z' },
      drivers: [{ dimension: 'user', value: '<bob>', expected: '0.5', actual: '1000' }],
    },
    'Unusual cost of API key key_x in one hour: Cost $1,100.00, Expected $1.00 (up to $5.50), Period 2026-11-22 10:00 ' +
      'UTC to 2026-11-22 11:00 UTC, Driven by user &lt;bob&gt;: $1,000.00 instead of $0.50',
  ],
  [
    'webhook.disabled',
    { url: 'https://a.test/?a&b', reason: 'gone', lastStatusCode: null },
    'url https://a.test/?a&amp;b, reason gone',
  ],
  ['webhook.test', { webhookId: 'webhook_x' }, 'Meterr can post here'],
])('%s is told in words', (type, data, words) => {
  const { text } = slackMessage({ id: '', type, createdAt: AT, data }, 'Main', 'http://x') as { text: string };
  expect(text).toContain(words);
  expect(text).not.toMatch(/[<>]|undefined|null|&(?!amp;|lt;|gt;)/);
});

it.each([
  ['0', '$0.00'],
  ['0.5', '$0.50'],
  ['0.0000000001', '$0.0000000001'],
  ['-1234567.8', '-$1,234,567.80'],
  ['999', '$999.00'],
])('%s USD is written %s', (decimal, text) => {
  expect(formatUsd(decimal)).toBe(text);
});
