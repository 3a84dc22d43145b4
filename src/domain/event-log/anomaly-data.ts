import { z } from 'zod';
import { formatId } from '../../platform/ids.ts';
import { plainDecimal } from '../../platform/money.ts';
import { field, nullableField, type PayloadField } from './payload-field.ts';

/**
 * What `record-incidents.ts` writes of an interval over its band. Ids are UUIDs, also the value of a
 * driver that is an API key; amounts are decimals in USD.
 */
export const anomalyData = z.object({
  teamId: z.string().nullable(),
  apiKeyId: z.string().nullable(),
  interval: z.enum(['day', 'hour']),
  start: z.string(),
  end: z.string(),
  expected: z.string(),
  lower: z.string(),
  upper: z.string(),
  actual: z.string(),
  drivers: z.array(z.object({ dimension: z.string(), value: z.string(), expected: z.string(), actual: z.string() })),
});

/** What an anomaly tells. */
export const ANOMALY_FIELDS: Readonly<Record<string, PayloadField<z.infer<typeof anomalyData>>>> = {
  teamId: nullableField(
    'id',
    'The team whose cost it is, or that the API key is bound to; null: of the organization, or of a key without a team.',
    ({ teamId }) => teamId && formatId('team', teamId),
  ),
  apiKeyId: nullableField(
    'id',
    'The API key whose cost it is; null: that of a team or the organization.',
    ({ apiKeyId }) => apiKeyId && formatId('apiKey', apiKeyId),
  ),
  interval: field('string', 'How long it was judged: `day` (UTC) or `hour`.', ({ interval }) => interval),
  start: field('time', 'Start of the interval, inclusive.', ({ start }) => start),
  end: field('time', 'End of the interval, exclusive. It may be later than the event.', ({ end }) => end),
  expected: field('decimal', 'What was expected of the interval, in USD.', ({ expected }) => plainDecimal(expected)),
  lower: field('decimal', 'The lower end of the normal range, in USD.', ({ lower }) => plainDecimal(lower)),
  upper: field('decimal', 'The upper end of the normal range, in USD.', ({ upper }) => plainDecimal(upper)),
  actual: field('decimal', 'What it has cost by then, in USD.', ({ actual }) => plainDecimal(actual)),
  drivers: field('drivers', 'What drove it, at most five, the largest excess first.', ({ drivers }) =>
    drivers.map(({ dimension, value, expected, actual }) => ({
      dimension,
      value: dimension === 'api_key' ? formatId('apiKey', value) : value,
      expected: plainDecimal(expected),
      actual: plainDecimal(actual),
    })),
  ),
};
