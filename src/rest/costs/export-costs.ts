import { z } from '@hono/zod-openapi';
import type { VariablesOf } from 'gql.tada';
import { EXPORT_FORMATS, EXPORT_INTERVALS, EXPORT_LIMITS, exportCosts } from '../../domain/costs/focus/export-costs.ts';
import { EXPORT_COLUMNS, EXPORT_DECIMALS, type FocusRow } from '../../domain/costs/focus/focus-columns.ts';
import { parseTime } from '../../platform/time.ts';
import { graphql } from '../http/graphql.ts';
import { route } from '../http/route.ts';
import { oneOf } from '../http/schemas.ts';
import { csvForm, NDJSON_FORM, STREAM_FORMS, streamFormFor, streamPages } from '../usage/stream-history.ts';
import { RAW } from '../usage/usage.ts';

/** What totals take, of which this is the breakdown. */
const TOTALS = graphql(`
  query CostExport($start: DateTime, $end: DateTime, $filter: UsageFilter) {
    usage(start: $start, end: $end, filter: $filter) { start }
  }
`);

const CSV = csvForm(new Set<string>(EXPORT_DECIMALS));
const MORE = 'more';

const OWN_QUERY = {
  format: oneOf(EXPORT_FORMATS).openapi({ description: 'FOCUS 1.2, which is the default.' }),
  interval: oneOf(EXPORT_INTERVALS).openapi({ description: 'Rows are by UTC day.' }),
  tag_keys: z.string().openapi({
    description: `Keys of tags, separated by commas, at most ${EXPORT_LIMITS.tagKeys}: rows are told apart by their values, which \`Tags\` has.`,
    example: 'env,feature',
  }),
  currency: z.string().openapi({
    description: 'An ISO 4217 code for which the server has a rate: costs and unit prices are converted. Default USD.',
    example: 'EUR',
  }),
  ...RAW,
};

function readOwn(own: Record<string, unknown>) {
  const { tag_keys: tagKeys, currency, raw } = z.object(OWN_QUERY).partial().parse(own);
  return { tagKeys: tagKeys?.split(','), currency, isRaw: raw === 'true' };
}

const getCostExport = route({
  method: 'get',
  path: '/v1/costs/export',
  operationId: 'exportCosts',
  summary: 'Costs as a FOCUS 1.2 file',
  description:
    'CSV, or NDJSON with `Accept: application/x-ndjson`: a row for each UTC day, provider, model, service tier, team, ' +
    'unit, unit price and value of `tag_keys`. Quantity times unit price is the cost of a row, and the costs add up ' +
    `to those of \`GET /v1/usage\`, to the last digit. At most ${EXPORT_LIMITS.days} days; default: this calendar month ` +
    'in UTC. What changed a cost after its month had ended has `ChargeClass` `Correction`.',
  tag: 'Costs',
  scope: 'costs:read',
  operation: null,
  parameters: TOTALS,
  ownQuery: OWN_QUERY,
  success: [{ status: 200, description: 'The rows, one a line.', schema: z.string() }],
  errors: [400],
  otherAnswers: [...STREAM_FORMS.keys()],
  isStream: true,
  async runVerb(context, request, { variables, own }) {
    const { start, end, filter } = variables as VariablesOf<typeof TOTALS>;
    const { tagKeys, currency, isRaw } = readOwn(own);
    const question = { start: start ? parseTime(start) : null, end: end ? parseTime(end) : null, filter };
    const stopped = new AbortController();
    const pages = await exportCosts(context, { ...question, tagKeys, currency }, stopped.signal);
    const form = streamFormFor(request.header('accept')) === NDJSON_FORM ? NDJSON_FORM : CSV;
    const readPage = async (): Promise<{ events: FocusRow[]; next: string | null }> => {
      const { value, done } = await pages.next();
      return done ? { events: [], next: null } : { events: value, next: MORE };
    };
    return streamPages(form, { columns: EXPORT_COLUMNS, isRaw }, readPage, () => stopped.abort());
  },
});

export const costExportRoutes = [getCostExport];
