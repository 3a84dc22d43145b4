const FORM = 'a URL such as postgresql://user:password@host:5432/database';
const ENCODED = 'with # / @ % and ? in user and password written as %23 %2F %40 %25 and %3F';

/** What the URL of a database must be, for the end of "it must be"; null: it is valid. */
export function findDatabaseUrlFault(value: string): string | null {
  const authority = /^postgres(?:ql)?:\/\/([^/?#]*)/.exec(value)?.[1];
  if (authority === undefined) return FORM;
  if (value.slice(value.indexOf('://') + 3).split('@').length > 2) return `${FORM}, ${ENCODED}`;
  if (authority.slice(authority.lastIndexOf('@') + 1).includes(',')) return `${FORM}, with one host`;
  const credentials = authority.includes('@') ? authority.slice(0, authority.lastIndexOf('@')) : '';
  const isCut = !authority.includes('@') && value.includes('@');
  const isBroken = /%(?![0-9a-f]{2})/i.test(credentials) || value.includes('#');
  return isCut || isBroken ? `${FORM}, ${ENCODED}` : null;
}
