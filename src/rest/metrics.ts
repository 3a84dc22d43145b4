import { admit } from '../domain/access/admit.ts';
import { OPERATOR } from '../domain/access/operator.ts';
import type { Resources } from '../domain/context.ts';
import { AppError } from '../platform/errors.ts';

/**
 * Answers `GET /metrics`, to the operator; to everybody with METERR_METRICS_OPEN=true.
 * @throws AppError invalid_api_key, rate_limit_exceeded (too many wrong keys from this address)
 */
export async function answerMetrics(
  resources: Resources,
  authorization: string | null,
  address: string,
): Promise<Response> {
  if (!resources.config.metricsOpen) {
    const { caller } = await admit(resources, authorization, address);
    if (caller !== OPERATOR) {
      throw new AppError(
        'invalid_api_key',
        'Send the operator key, METERR_OPERATOR_KEY, or set METERR_METRICS_OPEN=true.',
      );
    }
  }
  const { contentType, text } = await resources.metrics.print();
  return new Response(text, { headers: { 'Content-Type': contentType, 'Cache-Control': 'no-store' } });
}
