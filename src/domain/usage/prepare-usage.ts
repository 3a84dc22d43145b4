import { AppError, invalidField } from '../../platform/errors.ts';
import type { Context } from '../context.ts';
import { findHolds } from './find-holds.ts';
import { type NormalizedUsage, normalizeUsage } from './normalize-usage.ts';
import type { UsageRow } from './usage-event.ts';
import type { UsageInput } from './usage-input.ts';

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

async function findTeams(context: Context, teamIds: string[]): Promise<Set<string>> {
  const { teams } = context.resources;
  const organizationId = context.caller.organization.id;
  return teamIds.length === 0 ? new Set() : teams.findExisting(organizationId, teamIds);
}

/** Gives events their normal form, checks their teams, and finds their series. One answer an input, in order. */
export async function prepareUsage(context: Context, inputs: readonly UsageInput[]): Promise<PreparedUsage[]> {
  const { budgets, series, teams } = context.resources;
  const normalized = inputs.map((input) => normalizeOrExplain(context, input));
  const organizationId = context.caller.organization.id;
  const askFor: string[] = [];
  const holdIds: string[] = [];
  for (const one of normalized) {
    if (one instanceof AppError) continue;
    const { teamId, holdId } = one.event;
    if (holdId !== null) holdIds.push(holdId);
    if (teamId !== null && !teams.isKnown(organizationId, teamId)) askFor.push(teamId);
  }
  const found = await findTeams(context, askFor);
  const holds = await findHolds(context, holdIds);
  if (!budgets.peek(organizationId)) await budgets.get(organizationId);
  const prepared: PreparedUsage[] = [];
  for (const [at, one] of normalized.entries()) {
    if (one instanceof AppError) {
      prepared.push({ error: one });
      continue;
    }
    const { event, bodyHash } = one;
    if (event.teamId !== null && !found.has(event.teamId) && !teams.isKnown(organizationId, event.teamId)) {
      prepared.push({ error: invalidField('teamId', 'no such team') });
      continue;
    }
    if (event.holdId !== null && !holds.has(event.holdId)) {
      prepared.push({ error: invalidField('holdId', 'no such hold') });
      continue;
    }
    const seriesId = series.peek(event) ?? (await series.get(event));
    const requireCredits = inputs[at]?.requireCredits ?? false;
    prepared.push({ row: { event, seriesId, bodyHash, requireCredits } });
  }
  return prepared;
}
