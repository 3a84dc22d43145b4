import type { ModelAlias } from '../../../../prisma/generated/client/client.ts';

export type { ModelAlias };

export const ALIAS_LIMITS = {
  /** Of an organization: every process knows them all. */
  aliases: 10_000,
} as const;

/** What the audit log keeps of an alias. */
export function auditAlias({ provider, model, targetProvider, targetModel }: ModelAlias): object {
  return { provider, model, targetProvider, targetModel };
}
