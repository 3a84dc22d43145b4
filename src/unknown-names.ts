/** Names that the server does not read: the command line, examples, install script and tests do. */
const NAMES_OF_OTHERS =
  /^METERR_(API_KEY|CHAOS_SECONDS|CHAOS_SEED|FOLDER|KEY|OPS_SECONDS|URL|WEBHOOK_SECRET|TEST_[A-Z_]+)$/;
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

/**
 * A line for each set variable that begins with `METERR_` and is not among `known`, because a typo
 * would switch its setting off in silence. It never shows the value, which may be a secret.
 */
export function explainUnknownNames(env: NodeJS.ProcessEnv, known: readonly string[]): string[] {
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('METERR_') && env[name] && !known.includes(name) && !NAMES_OF_OTHERS.test(name),
  );
  return unknown.map((name) => {
    const near = known.map((one) => ({ one, away: distance(name, one) })).sort((a, b) => a.away - b.away)[0];
    const advice = near && near.away <= MAX_DISTANCE ? `did you mean ${near.one}?` : 'remove it.';
    return `${name} is not a setting of Meterr: ${advice}`;
  });
}
