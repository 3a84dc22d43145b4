import type { PlanName } from './limits/plan-limits.ts';
import type { MemberRoleName } from './roles.ts';
import type { Scope } from './scopes.ts';

export type { PlanName };
export type CreditsModeName = 'none' | 'prepaid';
/** Whose key may grant credits. */
export type CreditsByName = 'organization' | 'operator';
export type OrganizationStatusName = 'active' | 'suspended';

/** The organization behind a request, as far as every verb may need it. */
export interface CallerOrganization {
  id: string;
  name: string;
  plan: PlanName;
  creditsMode: CreditsModeName;
  creditsBy: CreditsByName;
  /** The keys of a suspended organization are refused at the door. */
  status: OrganizationStatusName;
  /** Null: raw events are never removed, unless the server's own setting says otherwise. */
  retentionDays: number | null;
  createdAt: Date;
}

/** Who is asking: one valid API key and its organization. Ids are UUIDs. */
export interface Caller {
  organization: CallerOrganization;
  apiKeyId: string;
  apiKeyName: string;
  scopes: ReadonlySet<Scope>;
  /** Set: the key sees and writes this team only. */
  teamId: string | null;
  /** Set: the key is this member's. */
  memberId: string | null;
  memberRole: MemberRoleName | null;
  expiresAt: Date | null;
  /** SHA-256 of the secret that was sent: the newest one, or the one before it. */
  secretHash: Uint8Array;
  /** The input tokens of spans that this key sends do not include those of a cache. */
  otlpExclusiveInput: boolean;
}
