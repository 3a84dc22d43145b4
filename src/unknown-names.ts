/** Names that the server does not read: the command line, examples, install script and tests do. */
const NAMES_OF_OTHERS =
  /^METERR_(API_KEY|CHAOS_SECONDS|CHAOS_SEED|FOLDER|KEY|OPS_KILLS|OPS_SECONDS|URL|WEBHOOK_SECRET|TEST_[A-Z_]+)$/;
/** `METER_`, `METTERR-`: a misspelt beginning, which counts only where the rest is a setting's. */
const MISSPELT_PREFIX = /^MET{1,2}E?R{1,3}[_-]/;
/** Without the prefix, only these are specific enough to be recognized in small letters. */
const URLS = new Set(['DATABASE_URL', 'REDIS_URL', 'SMTP_URL']);
const PREFIX = 'METERR_';
const MAX_DISTANCE = 4;

/** How many letters must be put in, left out or replaced to get from one name to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [line, letter] of [...from].entries()) {
    const next = [line + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/** The setting that a name means in other letters, or with another beginning; null: none. */
function findMeant(name: string, known: readonly string[]): string | null {
  const upper = name.toUpperCase().replace(/[-.]/g, '_');
  const prefixed = upper.replace(MISSPELT_PREFIX, PREFIX);
  // `METERR_PORT` means PORT.
  const bare = prefixed.slice(PREFIX.length);
  const whole = known.includes(bare) && prefixed.startsWith(PREFIX) ? bare : prefixed;
  if (whole === name || !known.includes(whole)) return null;
  return prefixed.startsWith(PREFIX) || URLS.has(whole) ? whole : null;
}

/**
 * A line for each set variable that begins with `METERR_` and is not among `known`, because a typo
 * would switch its setting off in silence; the same for small letters and a misspelt beginning. It
 * never shows the value, which may be a secret.
 */
export function explainUnknownNames(env: NodeJS.ProcessEnv, known: readonly string[]): string[] {
  const names = Object.keys(env).filter((name) => env[name] && !known.includes(name) && !NAMES_OF_OTHERS.test(name));
  return names.flatMap((name) => {
    const meant = findMeant(name, known);
    // Where the system does not tell small letters from capitals, the setting has its value.
    if (meant !== null) return env[meant] === env[name] ? [] : [`${name} is not a setting of Meterr: write ${meant}.`];
    if (!name.startsWith(PREFIX)) return [];
    const near = known.map((one) => ({ one, away: distance(name, one) })).sort((a, b) => a.away - b.away)[0];
    const advice = near && near.away <= MAX_DISTANCE ? `did you mean ${near.one}?` : 'remove it.';
    return [`${name} is not a setting of Meterr: ${advice}`];
  });
}
