/**
 * What is watched: all usage of an organization, that of one of its teams, or that of one API key.
 * `organization`, `team:UUID` or `api_key:UUID`.
 */
export type SeriesName = string;

export const ORGANIZATION_SERIES: SeriesName = 'organization';

/** A series with what an event tells of it. Ids are UUIDs. */
export interface Series {
  name: SeriesName;
  /** The team, or the one that the API key is bound to. */
  teamId: string | null;
  apiKeyId: string | null;
}

/** @param teamOfKey the team that an API key is bound to, by the key's UUID */
export function readSeries(name: SeriesName, teamOfKey: ReadonlyMap<string, string | null>): Series {
  const [kind, id = null] = name.split(':');
  if (kind === 'team') return { name, teamId: id, apiKeyId: null };
  return { name, teamId: id === null ? null : (teamOfKey.get(id) ?? null), apiKeyId: id };
}
