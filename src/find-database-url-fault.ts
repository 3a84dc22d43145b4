const FORM = 'a URL such as postgresql://user:password@host:5432/database';
const ENCODED = 'with # / @ % and ? in user and password written as %23 %2F %40 %25 and %3F';
const MAX_PORT = 65_535;
const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/** What the URL of a database must be, for the end of "it must be"; null: it is valid. */
export function findDatabaseUrlFault(value: string): string | null {
  const authority = /^postgres(?:ql)?:\/\/([^/?#]*)/.exec(value)?.[1];
  if (authority === undefined) return FORM;
  if (value.slice(value.indexOf('://') + 3).split('@').length > 2) return `${FORM}, ${ENCODED}`;
  if (authority.slice(authority.lastIndexOf('@') + 1).includes(',')) return `${FORM}, with one host`;
  const credentials = authority.includes('@') ? authority.slice(0, authority.lastIndexOf('@')) : '';
  const isCut = !authority.includes('@') && value.includes('@');
  const isBroken = /%(?![0-9a-f]{2})/i.test(credentials) || value.includes('#');
  if (isCut || isBroken) return `${FORM}, ${ENCODED}`;
  const place = authority.slice(authority.lastIndexOf('@') + 1);
  const parameters = new URLSearchParams(value.split('?')[1] ?? '');
  if (place === '' && !parameters.has('host')) return `${FORM}, with a host`;
  const port = /:(\w*)$/.exec(place)?.[1] ?? '';
  if (port !== '' && !(/^\d{1,5}$/.test(port) && Number(port) <= MAX_PORT))
    return `${FORM}, with a port up to ${MAX_PORT}`;
  const sslMode = parameters.get('sslmode');
  return sslMode === null || SSL_MODES.includes(sslMode) ? null : `${FORM}, with an sslmode of ${SSL_MODES.join(', ')}`;
}
