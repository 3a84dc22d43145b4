-- A void gives credits back where its event took some: found by the event.
CREATE INDEX "credit_entries_usage_event_idx" ON "credit_entries" ("organization_id", "usage_event_id")
  WHERE "usage_event_id" IS NOT NULL;

-- What the ledger says of a budget in a stretch of time, by subject: the truth that counters are kept equal to. Where
-- retention has removed the events, their sums stand in for them: quarter hours; for a budget that looks at users or
-- tags whole UTC days, each counted in the stretch that it begins in.
CREATE OR REPLACE FUNCTION count_budget(organization uuid, budget uuid, from_time timestamptz, to_time timestamptz)
RETURNS TABLE (subject text, spent numeric, matched bigint) LANGUAGE sql STABLE AS $$
  WITH rule AS MATERIALIZED (
    SELECT b.*, b.user_id IS NOT NULL OR b.tags IS NOT NULL OR b.per = 'user' OR b.per LIKE 'tag:%' AS by_attribution
      FROM budgets b WHERE b.organization_id = organization AND b.id = budget),
  kept AS MATERIALIZED (
    -- Until `summed_until` sums are read, from there on events.
    SELECT by_attribution, o.retired_before,
           CASE WHEN by_attribution AND date_trunc('day', o.retired_before, 'UTC') >= from_time
                THEN date_trunc('day', o.retired_before - interval '1 microsecond', 'UTC') + interval '24 hours'
                ELSE o.retired_before END AS summed_until
      FROM rule, organizations o WHERE o.id = organization AND o.retired_before > from_time
    UNION ALL
    SELECT by_attribution, NULL, from_time FROM rule
     WHERE NOT EXISTS (SELECT FROM organizations o WHERE o.id = organization AND o.retired_before > from_time)),
  events AS (
    SELECT e.series_id, e.user_id, e.tags, e.cost, e.input_tokens + e.output_tokens AS tokens, e.requests::bigint, 1 AS sign
      FROM kept k JOIN usage_events e ON e.organization_id = organization
       AND e.id >= uuid_floor(k.summed_until) AND e.id < uuid_floor(to_time)
    UNION ALL
    -- Of the day that retention ends in, what lies behind the stretch.
    SELECT e.series_id, e.user_id, e.tags, e.cost, e.input_tokens + e.output_tokens, e.requests::bigint, -1
      FROM kept k JOIN usage_events e ON e.organization_id = organization AND k.retired_before IS NOT NULL
       AND e.id >= uuid_floor(greatest(to_time, k.retired_before)) AND e.id < uuid_floor(k.summed_until)
     WHERE k.by_attribution AND date_trunc('day', k.retired_before, 'UTC') < to_time
    UNION ALL
    -- Of the days that are summed, what the fold has not reached yet.
    SELECT e.series_id, e.user_id, e.tags, e.cost, e.input_tokens + e.output_tokens, e.requests::bigint, 1
      FROM kept k JOIN usage_events e ON e.organization_id = organization AND k.retired_before IS NOT NULL
       AND e.id >= uuid_floor(from_time) AND e.id < uuid_floor(k.summed_until)
     WHERE k.by_attribution AND e.position > (SELECT f.position FROM usage_fold f)
       AND date_trunc('day', e.time, 'UTC') >= from_time AND date_trunc('day', e.time, 'UTC') < to_time),
  usage AS (
    SELECT e.series_id, e.user_id, e.tags, e.cost * e.sign AS cost, e.tokens * e.sign AS tokens, e.requests * e.sign AS requests
      FROM events e
    UNION ALL
    SELECT q.series_id, NULL, NULL, q.cost, q.input_tokens + q.output_tokens, q.requests
      FROM kept k JOIN usage_quarter_hours q ON q.organization_id = organization AND k.retired_before IS NOT NULL
       AND q.bucket >= from_time AND q.bucket < least(k.summed_until, to_time) AND NOT k.by_attribution
    UNION ALL
    SELECT d.series_id, a.user_id, a.tags, d.cost, d.input_tokens + d.output_tokens, d.requests
      FROM kept k JOIN usage_attribution_days d ON d.organization_id = organization AND k.retired_before IS NOT NULL
       AND d.bucket >= from_time AND d.bucket < least(k.summed_until, to_time) AND k.by_attribution
      JOIN usage_attributions a ON a.organization_id = organization AND a.id = d.attribution_id)
  SELECT * FROM (
    SELECT CASE WHEN r.per IS NULL THEN '' WHEN r.per = 'team' THEN s.team_id::text WHEN r.per = 'user' THEN u.user_id
                WHEN r.per = 'api_key' THEN s.api_key_id::text ELSE u.tags ->> substr(r.per, 5) END AS subject,
           sum(CASE r.unit WHEN 'usd' THEN coalesce(u.cost, 0) ELSE u.tokens END) AS spent,
           sum(u.requests)::bigint AS matched
      FROM rule r CROSS JOIN usage u JOIN usage_series s ON s.organization_id = organization AND s.id = u.series_id
     WHERE (r.team_id IS NULL OR s.team_id = r.team_id) AND (r.user_id IS NULL OR u.user_id = r.user_id)
       AND (r.provider IS NULL OR s.provider = r.provider) AND (r.model IS NULL OR s.model = r.model)
       AND (r.api_key_id IS NULL OR s.api_key_id = r.api_key_id) AND (r.tags IS NULL OR u.tags @> r.tags)
     GROUP BY 1) counted
   WHERE counted.subject IS NOT NULL
$$;

-- What hangs on recorded events, in their transaction: budget counters and their crossings. `set_numbers` says which
-- set of counters each event counts for (0: none), the `pair_` arrays what the sets are. A set of which nothing was
-- stored (repeats) touches nothing.
CREATE OR REPLACE FUNCTION count_recorded(
  at timestamptz, known_ordinals bigint[], set_numbers int[], costs numeric[], input_counts bigint[],
  output_counts bigint[], request_counts smallint[], pair_sets int[], pair_organizations uuid[], pair_budgets uuid[],
  pair_subjects text[], pair_starts timestamptz[], pair_ends timestamptz[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  late record;
  stored_sets int[];
  rebuilt_budgets uuid[] := '{}';
  rebuilt_starts timestamptz[] := '{}';
  organization_ids uuid[];
  budget_ids uuid[];
  subjects text[];
  starts timestamptz[];
BEGIN
  IF known_ordinals <> '{}' THEN
    SELECT coalesce(array_agg(DISTINCT i.set_number), '{}') INTO stored_sets
      FROM unnest(set_numbers) WITH ORDINALITY AS i(set_number, ordinal) WHERE i.ordinal <> ALL (known_ordinals);
  END IF;
  -- Counters of a period before the budget began start from the ledger, which holds this transaction's events already.
  FOR late IN
    SELECT DISTINCT p.organization_id, p.budget_id, p.period_start, p.period_end
      FROM unnest(pair_sets, pair_organizations, pair_budgets, pair_subjects, pair_starts, pair_ends)
        AS p(set_number, organization_id, budget_id, subject, period_start, period_end)
      JOIN budgets b ON b.organization_id = p.organization_id AND b.id = p.budget_id AND b.counted_from > p.period_start
     WHERE (stored_sets IS NULL OR p.set_number = ANY (stored_sets))
       AND NOT EXISTS (SELECT FROM budget_counters c WHERE c.organization_id = p.organization_id
        AND c.budget_id = p.budget_id AND c.subject = p.subject AND c.period_start = p.period_start)
  LOOP
    PERFORM rebuild_budget_counters(late.organization_id, late.budget_id, late.period_start, late.period_end);
    rebuilt_budgets := rebuilt_budgets || late.budget_id;
    rebuilt_starts := rebuilt_starts || late.period_start;
  END LOOP;

  WITH rebuilt AS (
    SELECT * FROM unnest(rebuilt_budgets, rebuilt_starts) AS r(budget_id, period_start)),
  sums AS (
    SELECT i.set_number, coalesce(sum(i.cost), 0) AS cost, sum(i.input_tokens + i.output_tokens) AS tokens,
           sum(coalesce(i.requests, 1)) AS requests
      FROM unnest(set_numbers, costs, input_counts, output_counts, request_counts) WITH ORDINALITY
        AS i(set_number, cost, input_tokens, output_tokens, requests, ordinal)
     WHERE i.set_number > 0 AND i.ordinal <> ALL (known_ordinals) GROUP BY 1),
  deltas AS (
    SELECT p.organization_id, p.budget_id, p.subject, p.period_start, max(p.period_end) AS period_end,
           sum(CASE b.unit WHEN 'usd' THEN s.cost ELSE s.tokens END) AS spent, sum(s.requests) AS matched
      FROM unnest(pair_sets, pair_organizations, pair_budgets, pair_subjects, pair_starts, pair_ends)
        AS p(set_number, organization_id, budget_id, subject, period_start, period_end)
      JOIN sums s USING (set_number)
      JOIN budgets b ON b.organization_id = p.organization_id AND b.id = p.budget_id
     WHERE (p.budget_id, p.period_start) NOT IN (SELECT r.budget_id, r.period_start FROM rebuilt r) GROUP BY 1, 2, 3, 4),
  touched AS (
    INSERT INTO budget_counters AS c (organization_id, budget_id, subject, period_start, period_end, spent, matched_events)
    SELECT d.organization_id, d.budget_id, d.subject, d.period_start, d.period_end, d.spent, d.matched FROM deltas d
    ON CONFLICT (organization_id, budget_id, subject, period_start) DO UPDATE SET
      spent = c.spent + excluded.spent, matched_events = c.matched_events + excluded.matched_events
    RETURNING c.organization_id, c.budget_id, c.subject, c.period_start)
  SELECT array_agg(t.organization_id), array_agg(t.budget_id), array_agg(t.subject), array_agg(t.period_start)
    INTO organization_ids, budget_ids, subjects, starts
    FROM (SELECT * FROM touched
          UNION
          SELECT p.organization_id, p.budget_id, p.subject, p.period_start
            FROM unnest(pair_sets, pair_organizations, pair_budgets, pair_subjects, pair_starts)
              AS p(set_number, organization_id, budget_id, subject, period_start)
            JOIN rebuilt r USING (budget_id, period_start)
           WHERE stored_sets IS NULL OR p.set_number = ANY (stored_sets)) t;
  IF organization_ids IS NOT NULL THEN
    PERFORM raise_crossings(at, organization_ids, budget_ids, subjects, starts);
  END IF;
END $$;

-- Raises credits.low (a tenth of the living grants is left) and credits.exhausted once for each time it comes to it.
-- What is held is not used yet: holds come and go without events.
CREATE OR REPLACE FUNCTION raise_credit_events(organization uuid, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  account credit_accounts;
  balance numeric;
  granted numeric;
  is_low boolean;
  is_exhausted boolean;
  payload jsonb;
BEGIN
  -- Who never had credits and never used any has not come to the end of them.
  IF NOT EXISTS (SELECT FROM credit_entries e WHERE e.organization_id = organization) THEN RETURN; END IF;
  PERFORM sweep_holds(organization, at);
  INSERT INTO credit_accounts (organization_id) VALUES (organization) ON CONFLICT DO NOTHING;
  SELECT * INTO account FROM credit_accounts a WHERE a.organization_id = organization;
  balance := available_credits(organization) + account.held;
  SELECT coalesce(sum(g.amount), 0) INTO granted FROM credit_grants g
   WHERE g.organization_id = organization AND (g.expires_at IS NULL OR g.expires_at > at);
  is_low := balance * 10 <= granted;
  is_exhausted := balance <= 0;
  payload := jsonb_build_object('available', (balance - account.held)::text, 'granted', granted::text);
  IF is_low AND NOT account.low THEN PERFORM raise_event(organization, at, 'credits.low', NULL, payload); END IF;
  IF is_exhausted AND NOT account.exhausted THEN
    PERFORM raise_event(organization, at, 'credits.exhausted', NULL, payload);
  END IF;
  IF (account.low, account.exhausted) IS DISTINCT FROM (is_low, is_exhausted) THEN
    UPDATE credit_accounts a SET low = is_low, exhausted = is_exhausted WHERE a.organization_id = organization;
  END IF;
END $$;

-- Turns over what has expired by a moment, and tells what that comes to. Under the organization's lock.
CREATE FUNCTION turn_over_credits(organization uuid, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM credit_grants g
                  WHERE g.organization_id = organization AND g.expires_at <= at AND g.remaining > 0) THEN RETURN; END IF;
  PERFORM expire_grants(organization, at);
  IF EXISTS (SELECT FROM organizations o WHERE o.id = organization AND o.credits_mode = 'prepaid') THEN
    PERFORM raise_credit_events(organization, at);
  END IF;
END $$;

-- The holds that recorded events settle, and the credits that they burn.
CREATE OR REPLACE FUNCTION settle_recorded(
  at timestamptz, known_ordinals bigint[], organization_ids uuid[], ids uuid[], costs numeric[],
  request_counts smallint[], hold_ids uuid[], prepaid_organizations uuid[], required_credits numeric
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  settled record;
  payer uuid;
  total numeric;
  available numeric;
BEGIN
  FOR settled IN
    WITH closed AS (
      UPDATE holds h SET status = 'settled', closed_at = at, settled_by = i.id
        FROM unnest(organization_ids, ids, hold_ids) WITH ORDINALITY AS i(organization_id, id, hold_id, ordinal)
       WHERE h.organization_id = i.organization_id AND h.id = i.hold_id AND h.status IN ('active', 'expired')
         AND i.ordinal <> ALL (known_ordinals)
      RETURNING h.organization_id, h.id)
    SELECT c.organization_id, array_agg(c.id) AS hold_ids FROM closed c GROUP BY 1 ORDER BY 1
  LOOP
    PERFORM free_reservations(settled.organization_id, settled.hold_ids);
  END LOOP;

  FOREACH payer IN ARRAY prepaid_organizations LOOP
    PERFORM expire_grants(payer, at);
    IF required_credits IS NOT NULL THEN
      PERFORM sweep_holds(payer, at);
      available := available_credits(payer);
      IF required_credits > available THEN
        RAISE EXCEPTION 'insufficient credits' USING ERRCODE = 'MT002',
          DETAIL = jsonb_build_object('required', required_credits::text, 'available', available::text)::text;
      END IF;
    END IF;
    WITH charged AS (
      INSERT INTO credit_entries (organization_id, id, at, cause, amount, usage_event_id, hold_id)
      SELECT payer, uuid_v7_at(settle_recorded.at), settle_recorded.at,
             CASE WHEN i.requests < 0 THEN 'void' WHEN i.hold_id IS NOT NULL THEN 'hold_settled' ELSE 'usage' END,
             -i.cost, i.id, i.hold_id
        FROM unnest(organization_ids, ids, costs, request_counts, hold_ids) WITH ORDINALITY
          AS i(organization_id, id, cost, requests, hold_id, ordinal)
       WHERE i.organization_id = payer AND i.cost <> 0 AND i.ordinal <> ALL (known_ordinals)
         -- What was used before credits paid for usage did not take any.
         AND (i.requests IS NULL OR i.requests > 0 OR EXISTS (
           SELECT FROM usage_events e JOIN credit_entries c ON c.organization_id = payer AND c.usage_event_id = e.voids_id
            WHERE e.organization_id = payer AND e.id = i.id))
      RETURNING amount)
    SELECT -sum(c.amount) INTO total FROM charged c;
    IF total IS NOT NULL THEN PERFORM burn_credits(payer, at, total); END IF;
    PERFORM raise_credit_events(payer, at);
  END LOOP;
END $$;

-- Reserves the worst case of a call, or says which budget or credits have no room. One call, one transaction: under the
-- organization's lock the sums that decide cannot change before they are raised, so no two holds share the same money.
-- `wanted_usd` null: the cost is unknown; a blocking budget in USD, or prepaid credits, then refuse.
CREATE OR REPLACE FUNCTION create_hold(
  organization uuid, known_version bigint, at timestamptz, hold_id uuid, key_id uuid, hold_provider text,
  hold_model text, hold_team uuid, hold_user text, hold_tags jsonb, wanted_usd numeric, wanted_tokens bigint,
  expiry timestamptz, budget_ids uuid[], subjects text[], period_starts timestamptz[], period_ends timestamptz[]
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  org organizations;
  missing record;
  refusal jsonb;
  available numeric;
  credit numeric := 0;
BEGIN
  PERFORM lock_organization(organization);
  SELECT * INTO org FROM organizations o WHERE o.id = organization;
  IF org.budget_version <> known_version THEN RETURN jsonb_build_object('status', 'stale'); END IF;
  PERFORM sweep_holds(organization, at);

  FOR missing IN
    SELECT k.* FROM unnest(budget_ids, subjects, period_starts, period_ends) AS k(budget_id, subject, period_start, period_end)
     WHERE NOT EXISTS (SELECT FROM budget_counters c WHERE c.organization_id = organization AND c.budget_id = k.budget_id
                          AND c.subject = k.subject AND c.period_start = k.period_start)
  LOOP
    IF EXISTS (SELECT FROM budgets b WHERE b.organization_id = organization AND b.id = missing.budget_id
                  AND b.counted_from > missing.period_start) THEN
      PERFORM rebuild_budget_counters(organization, missing.budget_id, missing.period_start, missing.period_end);
    END IF;
    INSERT INTO budget_counters (organization_id, budget_id, subject, period_start, period_end, spent)
    VALUES (organization, missing.budget_id, missing.subject, missing.period_start, missing.period_end, 0)
    ON CONFLICT DO NOTHING;
  END LOOP;

  -- The strictest decides: the one with the least left.
  SELECT jsonb_build_object('status', CASE WHEN w.wanted IS NULL THEN 'unknown_cost' ELSE 'budget_exceeded' END,
           'budgetId', w.id, 'unit', w.unit, 'limit', w.maximum::text, 'current', (w.spent + w.held)::text,
           'requested', w.wanted::text) INTO refusal
    FROM (SELECT b.id, b.unit, budget_limit(b, at) AS maximum, c.spent, c.held,
                 CASE b.unit WHEN 'usd' THEN wanted_usd ELSE wanted_tokens END AS wanted
            FROM unnest(budget_ids, subjects, period_starts) AS k(budget_id, subject, period_start)
            JOIN budget_counters c ON c.organization_id = organization AND c.budget_id = k.budget_id
             AND c.subject = k.subject AND c.period_start = k.period_start
            JOIN budgets b ON b.organization_id = organization AND b.id = k.budget_id AND b.action = 'block') w
   WHERE w.wanted IS NULL OR w.spent + w.held + w.wanted > w.maximum
   ORDER BY w.maximum - w.spent - w.held, w.id LIMIT 1;
  IF refusal IS NOT NULL THEN RETURN refusal; END IF;

  IF org.credits_mode = 'prepaid' THEN
    IF wanted_usd IS NULL THEN RETURN jsonb_build_object('status', 'unknown_cost'); END IF;
    INSERT INTO credit_accounts (organization_id) VALUES (organization) ON CONFLICT DO NOTHING;
    PERFORM turn_over_credits(organization, at);
    available := available_credits(organization);
    IF wanted_usd > available THEN
      RETURN jsonb_build_object('status', 'insufficient_credits', 'required', wanted_usd::text, 'available', available::text);
    END IF;
    credit := wanted_usd;
    UPDATE credit_accounts a SET held = a.held + credit WHERE a.organization_id = organization;
  END IF;

  INSERT INTO holds (organization_id, id, status, provider, model, amount, tokens, credit_amount, team_id, api_key_id,
                     user_id, tags, created_at, expires_at)
  VALUES (organization, hold_id, 'active', hold_provider, hold_model, wanted_usd, wanted_tokens, credit, hold_team,
          key_id, hold_user, hold_tags, at, expiry);
  INSERT INTO hold_reservations (organization_id, hold_id, budget_id, subject, period_start, amount, expires_at)
  SELECT organization, create_hold.hold_id, k.budget_id, k.subject, k.period_start,
         CASE b.unit WHEN 'usd' THEN coalesce(wanted_usd, 0) ELSE wanted_tokens END, expiry
    FROM unnest(budget_ids, subjects, period_starts) AS k(budget_id, subject, period_start)
    JOIN budgets b ON b.organization_id = organization AND b.id = k.budget_id;
  UPDATE budget_counters c SET held = c.held + r.amount FROM hold_reservations r
   WHERE r.organization_id = organization AND r.hold_id = create_hold.hold_id AND c.organization_id = organization
     AND c.budget_id = r.budget_id AND c.subject = r.subject AND c.period_start = r.period_start;
  RETURN jsonb_build_object('status', 'held',
    'credits', CASE WHEN org.credits_mode = 'prepaid' THEN available_credits(organization)::text END,
    'budgets', coalesce((
      SELECT jsonb_agg(jsonb_build_object('id', b.id, 'unit', b.unit, 'subject', nullif(c.subject, ''),
               'limit', budget_limit(b, at)::text, 'spent', c.spent::text, 'held', c.held::text,
               'remaining', (budget_limit(b, at) - c.spent - c.held)::text)
             ORDER BY budget_limit(b, at) - c.spent - c.held, b.id)
        FROM unnest(budget_ids, subjects, period_starts) AS k(budget_id, subject, period_start)
        JOIN budget_counters c ON c.organization_id = organization AND c.budget_id = k.budget_id
         AND c.subject = k.subject AND c.period_start = k.period_start
        JOIN budgets b ON b.organization_id = organization AND b.id = k.budget_id), '[]'));
END $$;
