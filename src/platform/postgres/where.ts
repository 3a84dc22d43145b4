/**
 * Conditions that must all hold, and the values in them. It begins with the tenant wall, and each
 * step only adds.
 */
export interface Where {
  /** With `$1`, `$2` ...: what follows WHERE. */
  text: string;
  values: unknown[];
  /** These and one more; each `$?` in it stands for the next of its values. */
  and(condition: string, ...values: unknown[]): Where;
}

function extend(text: string, known: readonly unknown[], condition: string, values: readonly unknown[]): Where {
  let count = known.length;
  const numbered = condition.replaceAll('$?', () => `$${++count}`);
  const all = { text: text === '' ? numbered : `${text} AND ${numbered}`, values: [...known, ...values] };
  if (count !== all.values.length) throw new Error(`as many values as places are needed: ${condition}`);
  return { ...all, and: (next, ...more) => extend(all.text, all.values, next, more) };
}

/** The first condition, see {@link Where}. */
export function where(condition: string, ...values: unknown[]): Where {
  return extend('', [], condition, values);
}
