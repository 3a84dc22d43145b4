import type { Tags } from '../../input/read-tags.ts';
import type { Charge, ChargeLine, ChargeOwner } from './charge.ts';

/** The charges of a day, as far as they were read. */
export interface ChargeCollection {
  add(owner: ChargeOwner, lines: readonly ChargeLine[]): void;
  /** How many rows there would be. */
  size(): number;
  /** Empties it. By provider, model, tier, team and tags, then by unit. */
  take(): Charge[];
}

/** The tags that were asked for, in that order; what an event lacks is left out. */
export function pickTags(tags: Tags, keys: readonly string[]): Tags {
  return Object.fromEntries(keys.flatMap((key) => (Object.hasOwn(tags, key) ? [[key, tags[key] ?? '']] : [])));
}

function keyOf(owner: ChargeOwner, line: ChargeLine): string {
  const { provider, model, serviceTier, teamId, tags } = owner;
  const { unit, skuModel, unitPrice, isUnpriced, correction } = line;
  const what = [unit, skuModel, unitPrice === null ? null : String(unitPrice), isUnpriced, correction];
  return JSON.stringify([provider, model, serviceTier, teamId, Object.entries(tags), what]);
}

/** Makes an empty collection. */
export function collectCharges(): ChargeCollection {
  let charges = new Map<string, Charge>();
  return {
    add(owner, lines) {
      for (const line of lines) {
        const key = keyOf(owner, line);
        const known = charges.get(key);
        if (known) {
          known.quantity += BigInt(line.quantity);
          known.amount += line.amount;
        } else {
          const { unit, skuModel, quantity, amount, isUnpriced, correction } = line;
          charges.set(key, { ...owner, unit, skuModel, quantity: BigInt(quantity), amount, isUnpriced, correction });
        }
      }
    },
    size: () => charges.size,
    take() {
      const sorted = [...charges].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, charge]) => charge);
      charges = new Map();
      return sorted;
    },
  };
}
