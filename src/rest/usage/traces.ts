import { dropTelemetry } from '../../domain/otlp/drop-telemetry.ts';
import { type RecordedSpans, type RefusedSpan, recordSpans } from '../../domain/otlp/record-spans.ts';
import { decodeOtlp } from '../../domain/otlp/wire/decode-otlp.ts';
import { encodeOtlpResponse } from '../../domain/otlp/wire/encode-otlp-response.ts';
import { translateFailure } from '../http/errors.ts';
import { otlpRoute } from './otlp-route.ts';

/** How many things of a kind a message names. */
const MAX_NAMED = 5;
/** How much of a foreign text a message shows. */
const SHOWN_LENGTH = 64;

function nameSome(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  const shown = names
    .slice(0, MAX_NAMED)
    .map((name) => (name.length > SHOWN_LENGTH ? `${name.slice(0, SHOWN_LENGTH)}...` : name));
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** In the words of REST, as everywhere behind this door. */
function explain({ reason }: RefusedSpan): string {
  if (typeof reason === 'string') return reason;
  const { code, message, details } = reason;
  return translateFailure({ code, message, details: Object(details) }).body.error.message;
}

function describeRefused(refused: readonly RefusedSpan[]): string {
  const shown = refused.slice(0, MAX_NAMED).map((one) => `${one.spanId}: ${explain(one)}`);
  const more = refused.length - shown.length;
  return shown.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

/** What the sender should know of spans that were recorded all the same. */
function warningsOf({ unseenTeams, withoutUsage }: RecordedSpans): string[] {
  const warnings: string[] = [];
  if (unseenTeams.length > 0) {
    warnings.push(`recorded without the teams that this API key may not charge: ${nameSome(unseenTeams)}`);
  }
  if (withoutUsage.length > 0) {
    const calls = withoutUsage.length === 1 ? '1 call told no tokens' : `${withoutUsage.length} calls told no tokens`;
    const what = 'recorded with 0 tokens and without a cost; ask the provider for usage in streams';
    warnings.push(`${calls} and is ${what}, such as by stream_options.include_usage: ${nameSome(withoutUsage)}`);
  }
  return warnings;
}

const recordTraces = otlpRoute({
  name: 'traces',
  operationId: 'recordTraces',
  summary: 'Record usage from OpenTelemetry spans (OTLP/HTTP)',
  description:
    'Point `OTEL_EXPORTER_OTLP_ENDPOINT` at this server: GenAI spans become usage events, others are ignored. JSON or ' +
    'protobuf, gzip or plain. Message content is dropped before anything is stored.',
  service: 'ExportTraceService',
  list: 'resourceSpans',
  refused: 'rejectedSpans',
  answered:
    'Accepted; `partialSuccess` counts the spans that were not. With none of them it tells what the sender should know ' +
    'of spans that were recorded.',
  async take(context, body, encoding) {
    const recorded = await recordSpans(context, decodeOtlp(body, encoding));
    const { refused } = recorded;
    const messages = [...(refused.length > 0 ? [describeRefused(refused)] : []), ...warningsOf(recorded)];
    if (messages.length === 0) return encodeOtlpResponse(encoding, null);
    return encodeOtlpResponse(encoding, { rejectedSpans: refused.length, errorMessage: messages.join('; ') });
  },
});

const NOT_YET =
  'Answers 200 and keeps nothing yet, so that an exporter that sends all signals to one address sees no errors. JSON or ' +
  'protobuf, gzip or plain.';

const takeLogs = otlpRoute({
  name: 'logs',
  operationId: 'takeLogs',
  summary: 'Take OpenTelemetry logs (OTLP/HTTP) and drop them',
  description: NOT_YET,
  service: 'ExportLogsService',
  list: 'resourceLogs',
  refused: null,
  answered: 'Accepted.',
  take(context, _, encoding) {
    dropTelemetry(context);
    return encodeOtlpResponse(encoding, null);
  },
});

const takeMetrics = otlpRoute({
  name: 'metrics',
  operationId: 'takeMetrics',
  summary: 'Take OpenTelemetry metrics (OTLP/HTTP) and drop them',
  description: NOT_YET,
  service: 'ExportMetricsService',
  list: 'resourceMetrics',
  refused: null,
  answered: 'Accepted.',
  take(context, _, encoding) {
    dropTelemetry(context);
    return encodeOtlpResponse(encoding, null);
  },
});

export const traceRoutes = [recordTraces, takeLogs, takeMetrics];
