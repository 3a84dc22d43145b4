/** Media ranges of an `Accept` that are looked at: browsers send eight. */
const MAX_RANGES = 50;
const QUALITY = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

interface Range {
  type: string;
  quality: number;
}

function readRange(part: string): Range {
  const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
  for (const parameter of parameters) {
    const quality = QUALITY.exec(parameter)?.[1];
    if (quality !== undefined) return { type, quality: Number(quality) };
  }
  return { type, quality: 1 };
}

/** The quality of a type: that of its own range, else of `text/*`, else of all types, else 0. */
function qualityOf(ranges: readonly Range[], type: string): number {
  const group = `${type.split('/', 1)[0]}/*`;
  for (const wanted of [type, group, '*/*']) {
    const range = ranges.find((one) => one.type === wanted);
    if (range) return range.quality;
  }
  return 0;
}

/**
 * Of the media types that can be had, the one that an `Accept` header prefers (RFC 9110); among
 * equals the one that the header names first, else the first of `types`. Null where it takes none
 * of them. No header takes the first. Only its first 50 ranges are looked at.
 */
export function preferredType(accept: string | null, types: readonly string[]): string | null {
  if (accept === null || accept.trim() === '') return types[0] ?? null;
  const ranges = accept.split(',', MAX_RANGES).map(readRange);
  const placeOf = (type: string) => {
    const place = ranges.findIndex((range) => range.type === type);
    return place < 0 ? MAX_RANGES : place;
  };
  const rated = types.map((type) => ({ type, quality: qualityOf(ranges, type) })).filter(({ quality }) => quality > 0);
  rated.sort((a, b) => b.quality - a.quality || placeOf(a.type) - placeOf(b.type));
  return rated[0]?.type ?? null;
}
