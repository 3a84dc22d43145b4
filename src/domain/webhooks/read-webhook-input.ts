import { type FieldProblem, invalidRequest } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import type { Context } from '../context.ts';
import { EVENT_TYPES, type EventType } from '../event-log/event-types.ts';
import { checkText } from '../input/check-text.ts';
import { WEBHOOK_LIMITS } from './webhook.ts';

/** All types of events, those that are added later too. */
export const ALL_EVENTS = '*';

function isEventType(text: string): text is EventType {
  return (EVENT_TYPES as ReadonlyMap<string, unknown>).has(text);
}

/** Each type once, in the order given; `*` alone where it is among them. */
function readEvents(problems: FieldProblem[], events: readonly string[]): string[] {
  if (events.length === 0) problems.push({ path: 'events', message: 'must name at least one type of event, or *' });
  if (events.length > WEBHOOK_LIMITS.eventTypes) {
    problems.push({ path: 'events', message: `must have at most ${WEBHOOK_LIMITS.eventTypes} entries` });
    return [];
  }
  events.forEach((type, index) => {
    if (type === ALL_EVENTS || isEventType(type)) return;
    problems.push({ path: `events.${index}`, message: `must be * or one of ${[...EVENT_TYPES.keys()].join(', ')}` });
  });
  return events.includes(ALL_EVENTS) ? [ALL_EVENTS] : [...new Set(events)];
}

/** What can be set when a webhook is made, and changed later. Null and left out are the same. */
export interface WebhookSettings {
  url?: string | null;
  events?: readonly string[] | null;
  description?: string | null;
}

/** Checked settings; what was not given is not there. */
export interface ReadSettings {
  url?: string;
  eventTypes?: string[];
  description?: string | null;
}

/**
 * Checks settings. The URL's name is looked up, so that a mistake is told at once; each connection
 * checks it again.
 * @throws AppError invalid_request
 */
export async function readSettings({ resources }: Context, input: WebhookSettings): Promise<ReadSettings> {
  const problems: FieldProblem[] = [];
  const read: ReadSettings = {};
  const { url, events, description } = input;
  if (url !== undefined && url !== null) {
    checkText(problems, 'url', url, WEBHOOK_LIMITS.urlCharacters);
    const problem = problems.length === 0 ? await resources.webhooks.http.problemWith(url) : null;
    if (problem !== null) problems.push({ path: 'url', message: problem });
    read.url = url;
  }
  if (events !== undefined && events !== null) read.eventTypes = readEvents(problems, events);
  if (description !== undefined && description !== null) {
    if (description !== '') checkText(problems, 'description', description, WEBHOOK_LIMITS.descriptionCharacters);
    read.description = description === '' ? null : description;
  }
  if (problems.length > 0) throw invalidRequest(problems);
  return read;
}

/**
 * The team whose events a new webhook gets; the key's own team where the key is bound to one.
 * @returns a UUID, or null for all events of the organization
 * @throws AppError invalid_request where the caller sees no such team
 */
export function readTeam({ caller }: Context, teamId: string | null | undefined): string | null {
  if (teamId === undefined || teamId === null) return caller.teamId;
  const uuid = parseId('team', teamId);
  if (uuid === null || (caller.teamId !== null && caller.teamId !== uuid)) throw unknownTeam();
  return uuid;
}

export function unknownTeam() {
  return invalidRequest([{ path: 'teamId', message: 'there is no such team' }]);
}
