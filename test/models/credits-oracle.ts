/** Prepaid credits as they must be, in BigInt. Nothing of src/ is imported. */
export interface Grant {
  amount: bigint;
  remaining: bigint;
  /** Infinity: never. */
  expiresMs: number;
  priority: number;
  order: number;
}

export interface Credits {
  isPrepaid: boolean;
  grants: Grant[];
  /** Used beyond all grants. */
  overdraft: bigint;
  granted: bigint;
  used: bigint;
  expired: bigint;
  /** Whether the ledger has any entry. */
  hasEntries: boolean;
  isLow: boolean;
  isExhausted: boolean;
}

export const newCredits = (isPrepaid: boolean): Credits => ({
  isPrepaid,
  grants: [],
  overdraft: 0n,
  granted: 0n,
  used: 0n,
  expired: 0n,
  hasEntries: false,
  isLow: false,
  isExhausted: false,
});

export const balanceOf = ({ granted, used, expired }: Credits) => granted - used - expired;

/**
 * The ledger's sum must lie in the grants, less what is owed. @throws Error when the oracle itself
 * is wrong
 */
export function checkCredits(credits: Credits): void {
  const inGrants = credits.grants.reduce((sum, { remaining }) => sum + remaining, 0n);
  if (inGrants - credits.overdraft !== balanceOf(credits)) throw new Error('the oracle lost money');
}

/** Lower priority first, then what expires soonest. */
function inBurningOrder(grants: readonly Grant[]): Grant[] {
  return grants.toSorted((a, b) => a.priority - b.priority || compare(a.expiresMs, b.expiresMs) || a.order - b.order);
}

const compare = (a: number, b: number) => (a === b ? 0 : a < b ? -1 : 1);
const least = (a: bigint, b: bigint) => (a < b ? a : b);

export function addGrant(credits: Credits, amount: bigint, expiresMs: number, priority: number): void {
  const covered = least(amount, credits.overdraft);
  credits.overdraft -= covered;
  credits.granted += amount;
  credits.hasEntries = true;
  credits.grants.push({ amount, remaining: amount - covered, expiresMs, priority, order: credits.grants.length });
}

/** What expired by a moment leaves the balance. @returns whether anything did */
export function expireGrants(credits: Credits, nowMs: number): boolean {
  let moved = false;
  for (const grant of credits.grants) {
    if (grant.expiresMs > nowMs || grant.remaining === 0n) continue;
    credits.expired += grant.remaining;
    grant.remaining = 0n;
    moved = true;
  }
  return moved;
}

/** Takes what usage cost; a void's cost is negative and gives it back. */
export function charge(credits: Credits, costs: readonly bigint[], nowMs: number): void {
  const moved = costs.filter((cost) => cost !== 0n);
  if (moved.length === 0) return;
  credits.hasEntries = true;
  let total = moved.reduce((sum, cost) => sum + cost, 0n);
  credits.used += total;
  for (const grant of inBurningOrder(credits.grants)) {
    if (total <= 0n) break;
    const part = least(grant.remaining, total);
    grant.remaining -= part;
    total -= part;
  }
  if (total > 0n) credits.overdraft += total;
  if (total >= 0n) return;
  let back = -total;
  const paid = least(credits.overdraft, back);
  credits.overdraft -= paid;
  back -= paid;
  for (const grant of inBurningOrder(credits.grants).reverse()) {
    if (grant.expiresMs <= nowMs) continue;
    const part = least(grant.amount - grant.remaining, back);
    grant.remaining += part;
    back -= part;
  }
  // No living grant has room for it: it came from one that has expired.
  credits.expired += back;
}

/** Names of what is told now, after something moved. */
export function tell(credits: Credits, nowMs: number): { names: string[]; granted: bigint } {
  const living = credits.grants.filter(({ expiresMs }) => expiresMs > nowMs);
  const granted = living.reduce((sum, { amount }) => sum + amount, 0n);
  const names: string[] = [];
  if (!credits.isPrepaid || !credits.hasEntries) return { names, granted };
  const balance = balanceOf(credits);
  const isLow = balance * 10n <= granted;
  const isExhausted = balance <= 0n;
  if (isLow && !credits.isLow) names.push('credits.low');
  if (isExhausted && !credits.isExhausted) names.push('credits.exhausted');
  Object.assign(credits, { isLow, isExhausted });
  return { names, granted };
}
