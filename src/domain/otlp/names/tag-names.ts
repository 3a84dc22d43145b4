/** `meterr.tag.KEY` on a span, a span around it or the resource is the tag KEY. */
export const OWN_TAG_PREFIX = 'meterr.tag.';

/** Single attributes that become tags, each with the tag's name. */
export const TAG_NAMES: ReadonlyMap<string, string> = new Map([
  ['team.id', 'team'],
  ['metadata.user_api_key_team_alias', 'team'],
  ['metadata.user_api_key_team_id', 'team'],
  ['cost_center', 'cost_center'],
  ['department', 'department'],
]);

/** Attributes with these prefixes become tags of their last name. */
export const TAG_PREFIXES = [
  'ai.telemetry.metadata.',
  'traceloop.association.properties.',
  'langfuse.trace.metadata.',
  'langfuse.observation.metadata.',
] as const;

/**
 * Last names, in lower case without `_` and `-`, of what is not a tag: a user, or what has a value
 * of its own for each call or conversation.
 */
const NOT_TAGS: ReadonlySet<string> = new Set(
  `user userid useremail enduser enduserid email username session sessionid conversation conversationid thread threadid
  chat chatid trace traceid traceids span spanid parentid request requestid message messageid run runid response
  responseid call callid correlationid invocationid generationid observationid langfusesessionid langfuseuserid
  langfusetraceid langfuseparenttraceid langfuseprompt timestamp time date`.split(/\s+/),
);

/** The tag that an attribute with one of the prefixes becomes; null where it is none. */
export function tagOfLastName(name: string): string | null {
  const last = name.slice(name.lastIndexOf('.') + 1);
  return last === '' || NOT_TAGS.has(last.toLowerCase().replace(/[_-]/g, '')) ? null : last;
}
