-- Reserves the worst case of a call, or answers that budgets or credits have no room for it. The
-- organization's lock is held to the end of the transaction, so the sums that decide cannot change
-- before the reservation is added to them: no two holds share the same money.
-- Each budget counter, as the newest list of budgets has it, is one element of the `counter_`
-- lists: `counter_amounts` is what the call may use of it (null where that is unknown),
-- `counter_limits` is how much the counter may reach, `counter_blocking` is whether its budget
-- refuses or only alerts. A null `wanted_usd` means that the cost is unknown; a blocking budget in
-- USD, and prepaid credits, then refuse. What reserves 0 is never refused for want of room: it makes
-- nothing worse. The answer has a `status`: held, refused, unknown_cost,
-- insufficient_credits, or stale where the caller's list of budgets is not the newest (nothing was
-- done; the caller reads the list again and repeats). Its `counters` are, in the order of the
-- lists, what each counter had spent and held before.
CREATE OR REPLACE FUNCTION create_hold(
  organization uuid, known_budget_version bigint, at timestamptz, hold_id uuid, hold_api_key uuid, hold_provider text,
  hold_model text, hold_team uuid, hold_user text, hold_tags jsonb, wanted_usd numeric, wanted_tokens bigint,
  hold_expires_at timestamptz, counter_budgets uuid[], counter_subjects text[], counter_starts timestamptz[],
  counter_ends timestamptz[], counter_amounts numeric[], counter_limits numeric[], counter_blocking boolean[]
) RETURNS jsonb LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  is_locked boolean;
  kept_version bigint;
  is_prepaid boolean;
  has_expired boolean;
  has_budgets boolean := cardinality(counter_budgets) > 0;
  is_reserved boolean := false;
  is_missing boolean;
  is_rebuilt boolean := false;
  is_refused boolean := false;
  late record;
  counters jsonb := '[]';
  available numeric;
  credit numeric := 0;
BEGIN
  is_locked := pg_advisory_xact_lock(hashtextextended(organization::text, 0)) IS NULL;
  SELECT o.budget_version, o.credits_mode = 'prepaid', EXISTS (
           SELECT FROM holds h WHERE h.organization_id = organization AND h.status = 'active' AND h.expires_at <= at)
    INTO kept_version, is_prepaid, has_expired FROM organizations o WHERE o.id = organization;
  IF kept_version <> known_budget_version THEN RETURN jsonb_build_object('status', 'stale'); END IF;
  IF has_expired THEN PERFORM sweep_holds(organization, at); END IF;

  -- The common case takes one statement: there is one budget, and its counter exists and has room.
  -- Every other case, and every refusal, is decided below.
  IF cardinality(counter_budgets) = 1 AND NOT is_prepaid THEN
    UPDATE budget_counters c SET held = c.held + coalesce(counter_amounts[1], 0)
     WHERE c.organization_id = organization AND c.budget_id = counter_budgets[1] AND c.subject = counter_subjects[1]
       AND c.period_start = counter_starts[1]
       AND (NOT counter_blocking[1] OR counter_amounts[1] = 0
            OR c.spent + c.held + counter_amounts[1] <= counter_limits[1])
    RETURNING jsonb_build_array(jsonb_build_array(1, c.spent::text, (c.held - coalesce(counter_amounts[1], 0))::text))
      INTO counters;
    is_reserved := FOUND;
  END IF;

  -- A counter that is missing has nothing spent and nothing held. It is made only for a hold that is
  -- made, so that a refusal leaves no trace.
  WHILE has_budgets AND NOT is_reserved LOOP
    SELECT bool_or(c.budget_id IS NULL),
           bool_or(k.is_blocking AND (k.amount IS NULL OR k.amount > 0
                   AND coalesce(c.spent, 0) + coalesce(c.held, 0) + k.amount > k.maximum)),
           jsonb_agg(jsonb_build_array(k.ordinal, coalesce(c.spent, 0)::text, coalesce(c.held, 0)::text))
      INTO is_missing, is_refused, counters
      FROM unnest(counter_budgets, counter_subjects, counter_starts, counter_amounts, counter_limits,
                  counter_blocking) WITH ORDINALITY
        AS k(budget_id, subject, period_start, amount, maximum, is_blocking, ordinal)
      LEFT JOIN budget_counters c ON c.organization_id = organization AND c.budget_id = k.budget_id
       AND c.subject = k.subject AND c.period_start = k.period_start;
    EXIT WHEN NOT is_missing OR is_rebuilt;
    -- Where its period began before the budget did, it starts from the ledger.
    FOR late IN
      SELECT DISTINCT b.id, k.period_start, k.period_end
        FROM unnest(counter_budgets, counter_subjects, counter_starts, counter_ends)
          AS k(budget_id, subject, period_start, period_end)
        JOIN budgets b ON b.organization_id = organization AND b.id = k.budget_id AND b.counted_from > k.period_start
       WHERE NOT EXISTS (SELECT FROM budget_counters c WHERE c.organization_id = organization
                            AND c.budget_id = k.budget_id AND c.subject = k.subject AND c.period_start = k.period_start)
    LOOP
      PERFORM rebuild_budget_counters(organization, late.id, late.period_start, late.period_end);
      is_rebuilt := true;
    END LOOP;
    EXIT WHEN NOT is_rebuilt;
  END LOOP;
  IF is_refused THEN RETURN jsonb_build_object('status', 'refused', 'counters', counters); END IF;

  IF is_prepaid THEN
    IF wanted_usd IS NULL THEN RETURN jsonb_build_object('status', 'unknown_cost'); END IF;
    INSERT INTO credit_accounts (organization_id) VALUES (organization) ON CONFLICT DO NOTHING;
    PERFORM expire_and_check_credits(organization, at);
    available := available_credits(organization);
    IF wanted_usd > 0 AND wanted_usd > available THEN
      RETURN jsonb_build_object('status', 'insufficient_credits', 'required', wanted_usd::text,
                                'available', available::text);
    END IF;
    credit := wanted_usd;
    UPDATE credit_accounts a SET held = a.held + credit WHERE a.organization_id = organization;
  END IF;

  INSERT INTO holds (organization_id, id, status, provider, model, amount, tokens, credit_amount, team_id, api_key_id,
                     user_id, tags, created_at, expires_at, budget_ids, subjects, period_starts, reserved)
  VALUES (organization, hold_id, 'active', hold_provider, hold_model, wanted_usd, wanted_tokens, credit, hold_team,
          hold_api_key, hold_user, hold_tags, at, hold_expires_at, counter_budgets, counter_subjects, counter_starts,
          counter_amounts);
  IF has_budgets AND NOT is_reserved THEN
    INSERT INTO budget_counters AS c (organization_id, budget_id, subject, period_start, period_end, spent, held)
    SELECT organization, k.budget_id, k.subject, k.period_start, k.period_end, 0, coalesce(k.amount, 0)
      FROM unnest(counter_budgets, counter_subjects, counter_starts, counter_ends, counter_amounts)
        AS k(budget_id, subject, period_start, period_end, amount)
    ON CONFLICT (organization_id, budget_id, period_start, subject) DO UPDATE SET held = c.held + excluded.held;
  END IF;
  RETURN jsonb_build_object('status', 'held', 'counters', counters,
                            'credits', CASE WHEN is_prepaid THEN (available - credit)::text END);
END $$;
