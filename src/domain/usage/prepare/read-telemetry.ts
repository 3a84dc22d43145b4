import type { FieldProblem } from '../../../platform/errors.ts';
import { parseId } from '../../../platform/ids.ts';
import type { AttoUsd } from '../../../platform/money.ts';
import type { Context } from '../../context.ts';
import { isStorableText } from '../../input/check-text.ts';
import { readCost } from './read-fields.ts';

/** How much of a foreign text a warning shows. */
const SHOWN_LENGTH = 64;

function shown(text: string): string {
  if (!isStorableText(text)) return '(not a text)';
  return text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH).toWellFormed()}...`;
}

/** What is said of an event whose span names a team that its key may not see. */
export function unknownTeam(teamId: string): string {
  return `there is no team ${shown(teamId)}: the event is recorded without it`;
}

/**
 * The team that a span wishes to be charged to: that of a team-bound key wins over it, and what is
 * no team at all is left out. Adds a remark for both. Whether the team exists is the caller's part.
 */
export function readWishedTeam(
  remarks: string[],
  { caller }: Context,
  teamId: string | null | undefined,
): string | null {
  if (teamId === undefined || teamId === null) return caller.teamId;
  const uuid = parseId('team', teamId);
  if (caller.teamId !== null) {
    if (uuid !== caller.teamId) remarks.push(`the team of the API key is charged, not ${shown(teamId)}`);
    return caller.teamId;
  }
  if (uuid === null) remarks.push(unknownTeam(teamId));
  return uuid;
}

/** What a span says that the provider charged. What is no amount is a remark, not a refusal. */
export function readSpanCharge(remarks: string[], charge: string | null): AttoUsd | null {
  const problems: FieldProblem[] = [];
  const cost = readCost(problems, charge);
  for (const { message } of problems) remarks.push(`the charge of the span (${shown(charge ?? '')}) ${message}`);
  return cost;
}
