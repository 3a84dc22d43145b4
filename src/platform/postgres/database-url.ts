const PLAIN_NAME = /^[\p{L}_][\p{L}\p{N}_$-]*$/u;

/**
 * The URL as the driver takes it. Prisma's `schema=` becomes the search path of every session, beside
 * whatever `options=` says; the driver would ignore it in silence.
 * @throws RangeError when the schema is not a plain name
 */
export function readDatabaseUrl(url: string): string {
  const question = url.indexOf('?');
  if (question < 0) return url;
  const parameters = new URLSearchParams(url.slice(question + 1));
  const schema = parameters.get('schema');
  if (schema === null) return url;
  if (!PLAIN_NAME.test(schema)) throw new RangeError('schema= in DATABASE_URL must be a plain name');
  parameters.delete('schema');
  const options = [parameters.get('options'), `-c search_path="${schema}"`].filter((one) => one !== null);
  parameters.set('options', options.join(' '));
  // The driver reads a plus sign as it is.
  return `${url.slice(0, question)}?${parameters.toString().replaceAll('+', '%20')}`;
}

/** The schema that a URL of {@link readDatabaseUrl} names, for who writes it into statements. */
export function schemaOf(connectionString: string): string | undefined {
  const options = new URLSearchParams(connectionString.slice(connectionString.indexOf('?') + 1)).get('options');
  return /search_path="?([^"\s]+)"?/.exec(options ?? '')?.[1];
}
