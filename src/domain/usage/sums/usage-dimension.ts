import { invalidField } from '../../../platform/errors.ts';
import { formatId } from '../../../platform/ids.ts';
import { checkText } from '../../input/check-text.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';

export const DIMENSIONS = ['provider', 'model', 'team', 'user', 'api_key', 'member', 'service_tier', 'tag'] as const;
export type DimensionName = (typeof DIMENSIONS)[number];

/** What usage is grouped by; `key` names the tag, and is set for `tag` only. */
export interface Dimension {
  name: DimensionName;
  key: string | null;
}

/** The maximum number of dimensions that group one answer. */
export const MAX_DIMENSIONS = 3;

/** The member whose key recorded a series: it is read beside the series where it is asked for. */
export const MEMBER_COLUMN = 's.member_id';

const SERIES_COLUMNS: Partial<Record<DimensionName, string>> = {
  provider: 's.provider',
  model: 's.model',
  team: 's.team_id',
  api_key: 's.api_key_id',
  member: MEMBER_COLUMN,
  service_tier: 's.service_tier',
};

/** `model`, or `tag:env`: the name of a dimension on the wire. */
export function formatDimension({ name, key }: Dimension): string {
  return name === 'tag' ? `tag:${key}` : name;
}

/** @throws AppError invalid_request for more than three, one twice, or a tag without a key */
export function checkDimensions(dimensions: readonly Dimension[]): void {
  const path = 'groupBy';
  if (dimensions.length > MAX_DIMENSIONS) throw invalidField(path, `must have at most ${MAX_DIMENSIONS} dimensions`);
  if (new Set(dimensions.map(formatDimension)).size < dimensions.length) {
    throw invalidField(path, 'must not name a dimension twice');
  }
  for (const { name, key } of dimensions) {
    if (name === 'tag') {
      const problems: { path: string; message: string }[] = [];
      checkText(problems, path, key ?? '', USAGE_LIMITS.tagKey);
      if (problems[0]) throw invalidField(path, `the key of a tag ${problems[0].message}`);
    } else if (key !== null) throw invalidField(path, `only a tag has a key, not ${name}`);
  }
}

/** Whether the dimension is one that rollups do not have. */
export function needsEvents({ name }: Dimension): boolean {
  return SERIES_COLUMNS[name] === undefined;
}

/** The SQL expression of a dimension, as text; pushes the value it refers to. */
export function dimensionColumn({ name, key }: Dimension, values: unknown[]): string {
  if (name === 'user') return 'e.user_id';
  if (name === 'tag') {
    values.push(key);
    return `e.tags ->> $${values.length}::text`;
  }
  return `${SERIES_COLUMNS[name]}::text`;
}

/** A value of the dimension as the wire has it: ids as TypeIDs. */
export function formatDimensionValue({ name }: Dimension, value: string | null): string | null {
  if (value === null) return null;
  if (name === 'team') return formatId('team', value);
  if (name === 'member') return formatId('member', value);
  return name === 'api_key' ? formatId('apiKey', value) : value;
}
