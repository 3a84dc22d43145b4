import { AppError, invalidField } from '../../../platform/errors.ts';
import type { Context } from '../../context.ts';
import type { UsageRow } from '../event/usage-event.ts';
import type { UsageInput } from '../event/usage-input.ts';
import { findRecordedIds } from './find-recorded-ids.ts';
import { findSettleableHolds } from './find-settleable-holds.ts';
import { type NormalizedUsage, normalizeUsage } from './normalize-usage.ts';

/** An event ready to be stored, or why it cannot be. */
export type PreparedUsage = { row: UsageRow } | { error: AppError };

function normalizeOrExplain(context: Context, input: UsageInput): NormalizedUsage | AppError {
  try {
    return normalizeUsage(context, input);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Gives events their normal form, checks their teams and holds, and finds their series. One answer an
 * input, in order. Waits for nothing where this process knows all that they refer to.
 */
export async function prepareUsage(context: Context, inputs: readonly UsageInput[]): Promise<PreparedUsage[]> {
  const { budgets, series, teams } = context.resources;
  const organizationId = context.caller.organization.id;
  const normalized = inputs.map((input) => normalizeOrExplain(context, input));
  const unknownTeams: string[] = [];
  const holdIds: string[] = [];
  for (const one of normalized) {
    if (one instanceof AppError) continue;
    const { teamId, holdId } = one.event;
    if (holdId !== null) holdIds.push(holdId);
    if (teamId !== null && !teams.isKnown(organizationId, teamId)) unknownTeams.push(teamId);
  }
  const found = unknownTeams.length > 0 ? await teams.findExisting(organizationId, unknownTeams) : NONE;
  const holds = holdIds.length > 0 ? await findSettleableHolds(context, holdIds) : NONE;
  if (budgets.peek(organizationId) === undefined) await budgets.get(organizationId);

  const refuse = ({ event, tooOld }: NormalizedUsage): AppError | null => {
    if (tooOld !== null) return tooOld;
    if (event.teamId !== null && !found.has(event.teamId) && !teams.isKnown(organizationId, event.teamId)) {
      return invalidField('teamId', 'no such team');
    }
    return event.holdId !== null && !holds.has(event.holdId) ? invalidField('holdId', 'no such hold') : null;
  };
  const refusals = normalized.map((one) => (one instanceof AppError ? null : refuse(one)));
  // A repeat is harmless for ever, also when its team or the time it is of is gone.
  const refusedIds = inputs.flatMap(({ id }, at) => (refusals[at] && id ? [id] : []));
  const recorded = refusedIds.length > 0 ? await findRecordedIds(context, refusedIds) : NONE;
  const prepared: PreparedUsage[] = [];
  for (const [at, one] of normalized.entries()) {
    const input = inputs[at];
    if (one instanceof AppError) {
      prepared.push({ error: one });
      continue;
    }
    const refusal = refusals[at];
    if (refusal && !recorded.has(input?.id ?? '')) {
      prepared.push({ error: refusal });
      continue;
    }
    const seriesId = series.peek(one.event) ?? (await series.get(one.event));
    const { event, bodyHash, costAtto, tagsText } = one;
    const requireCredits = input?.requireCredits ?? false;
    prepared.push({ row: { event, seriesId, bodyHash, costAtto, tagsText, requireCredits } });
  }
  return prepared;
}
