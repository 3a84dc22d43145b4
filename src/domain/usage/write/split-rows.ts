import { responseIdOf, type UsageRow } from '../event/usage-event.ts';

/** What comes again in one batch. */
export interface Repeats {
  /** By index, the earlier row whose event id each has: that one is stored, or was before. */
  firsts: ReadonlyMap<number, UsageRow>;
  /**
   * Whether response ids are among what comes again. What a row repeats then depends on what becomes
   * of those before it: an event id stays free where the response id of its row is known.
   */
  needsOrder: boolean;
}

/** Finds rows that have an id of an earlier one; null where none has. */
export function findRepeats(rows: readonly UsageRow[]): Repeats | null {
  const repeats = new Map<number, UsageRow>();
  const firsts = new Map<string, UsageRow>();
  const responses = new Set<string>();
  let needsOrder = false;
  const sole = rows[0]?.event.organizationId;
  const isSole = rows.every(({ event }) => event.organizationId === sole);
  rows.forEach((row, index) => {
    const { organizationId, eventId } = row.event;
    const name = isSole ? eventId : organizationId + eventId;
    const responseId = responseIdOf(row.event);
    const first = firsts.get(name);
    if (first === undefined) firsts.set(name, row);
    else {
      repeats.set(index, first);
      needsOrder ||= responseId !== null || responseIdOf(first.event) !== null;
    }
    if (responseId === null) return;
    const response = isSole ? responseId : organizationId + responseId;
    needsOrder ||= responses.has(response);
    responses.add(response);
  });
  return repeats.size === 0 && !needsOrder ? null : { firsts: repeats, needsOrder };
}

/** Whether the event is a transaction of its own. */
export function goesApart({ requireCredits, writeAlso }: UsageRow): boolean {
  return requireCredits || writeAlso !== undefined;
}

/** Rows in parts that are each one transaction, in order. */
export function splitApart(rows: readonly UsageRow[]): (readonly UsageRow[])[] {
  const parts: (readonly UsageRow[])[] = [];
  for (let from = 0; from < rows.length; ) {
    let to = from + 1;
    const isApart = (at: number) => rows[at] !== undefined && goesApart(rows[at]);
    if (!isApart(from)) while (to < rows.length && !isApart(to)) to++;
    parts.push(from === 0 && to === rows.length ? rows : rows.slice(from, to));
    from = to;
  }
  return parts;
}
