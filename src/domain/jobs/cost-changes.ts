import type { AttoUsd } from '../../platform/money.ts';
import { DAY_MS } from '../../platform/time.ts';

/** What events of one provider, model and UTC day cost, before and after. */
export interface CostChange {
  provider: string;
  model: string;
  /** `2026-11-22` */
  day: string;
  events: number;
  costBefore: AttoUsd;
  costAfter: AttoUsd;
}

/** Sums of events whose prices were looked up again. */
export interface CostChanges {
  events: number;
  /** Those that cost something else, or whose cost was not known before. */
  changed: number;
  costBefore: AttoUsd;
  costAfter: AttoUsd;
  groups: Map<string, CostChange>;
}

interface ChangedEvent {
  provider: string;
  model: string;
  timeMs: number;
}

export function noChanges(): CostChanges {
  return { events: 0, changed: 0, costBefore: 0n, costAfter: 0n, groups: new Map() };
}

/** A copy that grows by itself. */
export function copyChanges({ groups, ...sums }: CostChanges): CostChanges {
  return { ...sums, groups: new Map([...groups].map(([key, group]) => [key, { ...group }])) };
}

/**
 * Adds an event.
 * @param before null: its cost was not known, which counts as 0
 * @param after null: it costs what it did
 */
export function addChange(
  changes: CostChanges,
  { provider, model, timeMs }: ChangedEvent,
  before: AttoUsd | null,
  after: AttoUsd | null,
): void {
  const costBefore = before ?? 0n;
  const costAfter = after ?? costBefore;
  const dayNumber = Math.floor(timeMs / DAY_MS);
  const key = `${dayNumber}/${provider}/${model}`;
  let group = changes.groups.get(key);
  if (group === undefined) {
    const day = new Date(dayNumber * DAY_MS).toISOString().slice(0, 10);
    group = { provider, model, day, events: 0, costBefore: 0n, costAfter: 0n };
    changes.groups.set(key, group);
  }
  group.events++;
  group.costBefore += costBefore;
  group.costAfter += costAfter;
  changes.events++;
  changes.costBefore += costBefore;
  changes.costAfter += costAfter;
  if (after !== null) changes.changed++;
}

/** Groups in the order in which they are shown: by day, provider and model. */
export function sortGroups(groups: Iterable<CostChange>): CostChange[] {
  const keyOf = ({ day, provider, model }: CostChange) => `${day}\0${provider}\0${model}`;
  return [...groups].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}
