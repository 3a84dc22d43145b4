import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';

/**
 * Takes log records or metrics and keeps nothing of them, so that an exporter that sends all three
 * signals to one address is not told of an error.
 * @throws AppError insufficient_permissions
 */
export function dropTelemetry({ caller }: Context): void {
  requireScope(caller, 'usage:write');
}
