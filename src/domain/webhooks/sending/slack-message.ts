import type { SentEvent } from './sent-event.ts';

// Messages for Slack's incoming webhooks: `text` for notifications, `blocks` for the channel.
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks

/** The three characters that are markup to Slack. */
function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

const MIN_CENTS = 2;

/** Groups of three digits, every place that there is, and two at least: `1234.5` -> `$1,234.50`. */
export function formatUsd(decimal: string): string {
  const [, sign = '', whole = '0', places = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal) ?? [];
  return `${sign}$${groupDigits(whole)}.${places.padEnd(MIN_CENTS, '0')}`;
}

function groupDigits(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',');
}

function formatAmount(amount: unknown): string {
  if (typeof amount === 'number') return `${groupDigits(String(amount))} tokens`;
  return typeof amount === 'string' ? formatUsd(amount) : 'unknown';
}

const LAST_YEAR = '9999';

/** `2026-11-01 00:00 UTC to 2026-12-01 00:00 UTC`. */
function formatPeriod(start: unknown, end: unknown): string {
  const minute = (time: unknown) => `${String(time).slice(0, 16).replace('T', ' ')} UTC`;
  return String(end).startsWith(LAST_YEAR) ? `since ${minute(start)}` : `${minute(start)} to ${minute(end)}`;
}

interface Told {
  headline: string;
  /** Label and value; a null value is left out. */
  fields: [label: string, value: string | null][];
  /** Below the public URL. */
  path: string;
}

function tellBudget({ type, data }: SentEvent, budgetName: string | null): Told {
  const name = budgetName ?? String(data.budgetId);
  const headline =
    type === 'budget.recovered'
      ? `Budget ${name} is below its limit again`
      : type === 'budget.threshold_reached'
        ? `Budget ${name} reached ${data.threshold} % of its limit`
        : `Budget ${name} exceeded its limit`;
  return {
    headline,
    fields: [
      ['Used', formatAmount(data.current)],
      ['Limit', formatAmount(data.limit)],
      ['Period', formatPeriod(data.periodStart, data.periodEnd)],
      ['Subject', data.subject === null ? null : String(data.subject)],
    ],
    path: `/v1/budgets/${data.budgetId}`,
  };
}

function tellCredits({ type, data }: SentEvent): Told {
  return {
    headline: type === 'credits.low' ? 'Prepaid credits are running low' : 'Prepaid credits are used up',
    fields: [
      ['Available', formatAmount(data.available)],
      ['Granted', formatAmount(data.granted)],
    ],
    path: '/v1/credits',
  };
}

function tellUnpriced({ data }: SentEvent): Told {
  return {
    headline: 'Usage without a price was recorded',
    fields: [
      ['Provider', String(data.provider)],
      ['Model', String(data.model)],
      ['Service tier', String(data.serviceTier)],
      ['Reason', String(data.reason)],
    ],
    path: `/v1/usage/${data.usageId}`,
  };
}

const SERIES = { apiKeyId: 'API key', teamId: 'team' } as const;

function tellAnomaly({ data }: SentEvent): Told {
  const of = (['apiKeyId', 'teamId'] as const).find((name) => data[name] !== null);
  const drivers = Array.isArray(data.drivers) ? data.drivers : [];
  const tellDriver = ({ dimension, value, expected, actual }: Record<string, string>) =>
    `${dimension} ${value}: ${formatAmount(actual)} instead of ${formatAmount(expected)}`;
  return {
    headline: `Unusual cost of ${of ? `${SERIES[of]} ${data[of]}` : 'the organization'} in one ${data.interval}`,
    fields: [
      ['Cost', formatAmount(data.actual)],
      ['Expected', `${formatAmount(data.expected)} (up to ${formatAmount(data.upper)})`],
      ['Period', formatPeriod(data.start, data.end)],
      ['Driven by', drivers.length === 0 ? null : drivers.map(tellDriver).join('; ')],
    ],
    path: '/v1/events?type=usage.anomaly',
  };
}

const MAX_VALUE = 200;

/** Whatever has no words of its own: its data, field by field. */
function tellData({ type, data }: SentEvent): Told {
  const fields = Object.entries(data).map(([name, value]): [string, string | null] => {
    if (value === null) return [name, null];
    return [name, (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, MAX_VALUE)];
  });
  return { headline: `Meterr: ${type}`, fields, path: '/v1/events' };
}

function tell(event: SentEvent, budgetName: string | null): Told {
  if ('budgetId' in event.data) return tellBudget(event, budgetName);
  if (event.type.startsWith('credits.')) return tellCredits(event);
  if (event.type === 'usage.unpriced') return tellUnpriced(event);
  if (event.type === 'usage.anomaly') return tellAnomaly(event);
  if (event.type === 'webhook.test') return { headline: 'Meterr can post here', fields: [], path: '/v1/webhooks' };
  return tellData(event);
}

/** A message that a person can read. Amounts are exact. */
export function slackMessage(event: SentEvent, budgetName: string | null, publicUrl: string): object {
  const { headline, fields, path } = tell(event, budgetName);
  const lines = fields.flatMap(([label, value]) => (value === null ? [] : [`*${label}:* ${escapeText(value)}`]));
  const summary = fields.flatMap(([label, value]) => (value === null ? [] : [`${label} ${value}`])).join(', ');
  return {
    text: escapeText(summary === '' ? headline : `${headline}: ${summary}`),
    blocks: [
      {
        type: 'section',
        text: { type: 'mrkdwn', text: [`*${escapeText(headline)}*`, ...lines].join('\n') },
      },
      {
        type: 'context',
        elements: [
          {
            type: 'mrkdwn',
            text: `${escapeText(event.type)} at ${event.createdAt.toISOString()} · <${escapeText(publicUrl + path)}|Open in Meterr>`,
          },
        ],
      },
    ],
  };
}
