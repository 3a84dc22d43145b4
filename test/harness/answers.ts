/** The bodies of REST answers, as far as tests read them. */
export interface UsageEventAnswer {
  id: string;
  event_id: string;
  provider: string;
  model: string;
  service_tier: string;
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
  requests: number;
  timestamp: string;
  recorded_at: string;
  team_id: string | null;
  user_id: string | null;
  api_key_id: string;
  tags: Record<string, string>;
  metadata: Record<string, unknown> | null;
  cost: string | null;
  original_cost: string | null;
  adjustments: {
    at: string;
    price_id: string | null;
    cost_before: string | null;
    cost_after: string;
    reason: string;
  }[];
  computed_cost: string | null;
  cost_source: string;
  price_id: string | null;
  unpriced_reason: string | null;
  cost_breakdown: { unit: string; quantity: number; unit_price: string; amount: string }[];
  voids: string | null;
  voided_by: string | null;
}

export interface SumsAnswer {
  requests: number;
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  reasoning_tokens: number;
  cost: string;
  unpriced_requests: number;
}

export interface UsageGroupAnswer extends SumsAnswer {
  start: string;
  end: string;
  group: Record<string, string | null>;
  other: boolean;
}

export interface UsageSummaryAnswer {
  start: string;
  end: string;
  timezone: string;
  interval: string;
  group_by: string[];
  totals: SumsAnswer;
  data: UsageGroupAnswer[];
}

export interface ListAnswer<T> {
  data: T[];
  has_more: boolean;
  next_cursor: string | null;
}

export interface BatchAnswer {
  data: {
    index: number;
    status: 'created' | 'duplicate' | 'conflict' | 'invalid';
    id: string | null;
    cost: string | null;
    error: { code: string; message: string; details: Record<string, unknown> } | null;
  }[];
  created: number;
  duplicates: number;
  conflicts: number;
  invalid: number;
}
