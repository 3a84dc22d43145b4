-- A hold carries what it reserves of each budget counter, instead of a row for each beside it.

-- AlterTable
ALTER TABLE "holds" ADD COLUMN     "budget_ids" UUID[] DEFAULT ARRAY[]::UUID[],
ADD COLUMN     "period_starts" TIMESTAMPTZ(3)[] DEFAULT ARRAY[]::TIMESTAMPTZ(3)[],
ADD COLUMN     "reserved" DECIMAL(38,18)[] DEFAULT ARRAY[]::DECIMAL(38,18)[],
ADD COLUMN     "subjects" TEXT[] DEFAULT ARRAY[]::TEXT[];

UPDATE holds h SET budget_ids = r.budget_ids, subjects = r.subjects, period_starts = r.period_starts, reserved = r.amounts
  FROM (SELECT organization_id, hold_id, array_agg(budget_id ORDER BY budget_id) AS budget_ids,
               array_agg(subject ORDER BY budget_id) AS subjects, array_agg(period_start ORDER BY budget_id) AS period_starts,
               array_agg(amount ORDER BY budget_id) AS amounts
          FROM hold_reservations GROUP BY 1, 2) r
 WHERE h.organization_id = r.organization_id AND h.id = r.hold_id AND h.status = 'active';

-- DropTable
DROP TABLE "hold_reservations";

-- Of active holds only, so that a plan made while the table was small cannot take it for a look by id: that one would
-- read every hold that the organization ever had.
-- DropIndex
DROP INDEX "holds_organization_id_status_expires_at_idx";
CREATE INDEX "holds_active_idx" ON "holds" ("organization_id", "expires_at") WHERE status = 'active';

-- Gives back what those of these holds that are active reserve. Whoever calls it closes them next, in the same
-- transaction and under the organization's lock: a hold that is closed has given back. (In PL/pgSQL for its kept plans.)
CREATE OR REPLACE FUNCTION free_reservations(organization uuid, hold_ids uuid[]) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  freed numeric;
BEGIN
  WITH sums AS (
    SELECT r.budget_id, r.subject, r.period_start, sum(r.amount) AS amount
      FROM holds h
      CROSS JOIN LATERAL unnest(h.budget_ids, h.subjects, h.period_starts, h.reserved)
        AS r(budget_id, subject, period_start, amount)
     WHERE h.organization_id = organization AND h.id = ANY (hold_ids) AND h.status = 'active'
     GROUP BY 1, 2, 3)
  UPDATE budget_counters c SET held = c.held - s.amount FROM sums s
   WHERE c.organization_id = organization AND c.budget_id = s.budget_id AND c.subject = s.subject
     AND c.period_start = s.period_start AND s.amount <> 0;

  SELECT sum(h.credit_amount) INTO freed FROM holds h
   WHERE h.organization_id = organization AND h.id = ANY (hold_ids) AND h.status = 'active' AND h.credit_amount > 0;
  IF freed > 0 THEN
    UPDATE holds h SET credit_amount = 0
     WHERE h.organization_id = organization AND h.id = ANY (hold_ids) AND h.status = 'active' AND h.credit_amount > 0;
    UPDATE credit_accounts a SET held = a.held - freed WHERE a.organization_id = organization;
  END IF;
END $$;

-- Ends the holds whose time is over. Nothing waits for it: readers leave them out by their time.
CREATE OR REPLACE FUNCTION sweep_holds(organization uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  swept uuid[];
BEGIN
  SELECT array_agg(h.id) INTO swept FROM holds h
   WHERE h.organization_id = organization AND h.status = 'active' AND h.expires_at <= at;
  IF swept IS NULL THEN RETURN; END IF;
  PERFORM free_reservations(organization, swept);
  UPDATE holds h SET status = 'expired', closed_at = h.expires_at
   WHERE h.organization_id = organization AND h.id = ANY (swept);
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
    SELECT i.organization_id, array_agg(i.hold_id) AS hold_ids
      FROM unnest(organization_ids, hold_ids) WITH ORDINALITY AS i(organization_id, hold_id, ordinal)
     WHERE i.hold_id IS NOT NULL AND i.ordinal <> ALL (known_ordinals)
     GROUP BY 1 ORDER BY 1
  LOOP
    PERFORM free_reservations(settled.organization_id, settled.hold_ids);
  END LOOP;
  UPDATE holds h SET status = 'settled', closed_at = at, settled_by = i.id
    FROM unnest(organization_ids, ids, hold_ids) WITH ORDINALITY AS i(organization_id, id, hold_id, ordinal)
   WHERE h.organization_id = i.organization_id AND h.id = i.hold_id AND h.status IN ('active', 'expired')
     AND i.ordinal <> ALL (known_ordinals);

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

-- Reserves the worst case of a call, or says that budgets or credits have no room. One call, one transaction: under the
-- organization's lock the sums that decide cannot change before they are raised, so no two holds share the same money.
-- By budget counter, as the newest list of budgets has it: what is wanted of it (null: unknown) and how much it may
-- hold in all. `wanted_usd` null: the cost is unknown; a blocking budget in USD, or prepaid credits, then refuse.
-- Answers a status and, in the order of the counters, what each had spent and held before.
CREATE OR REPLACE FUNCTION create_hold(
  organization uuid, known_version bigint, at timestamptz, hold_id uuid, key_id uuid, hold_provider text,
  hold_model text, hold_team uuid, hold_user text, hold_tags jsonb, wanted_usd numeric, wanted_tokens bigint,
  expiry timestamptz, budget_ids uuid[], subjects text[], period_starts timestamptz[], period_ends timestamptz[],
  amounts numeric[], limits numeric[], are_blocking boolean[]
) RETURNS jsonb LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  is_locked boolean;
  kept_version bigint;
  is_prepaid boolean;
  has_expired boolean;
  has_budgets boolean := cardinality(budget_ids) > 0;
  is_reserved boolean := false;
  is_missing boolean;
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
  IF kept_version <> known_version THEN RETURN jsonb_build_object('status', 'stale'); END IF;
  IF has_expired THEN PERFORM sweep_holds(organization, at); END IF;

  -- The common case in one statement: one budget, whose counter is there and has room. All else, and every refusal,
  -- goes on below.
  IF cardinality(budget_ids) = 1 AND NOT is_prepaid THEN
    UPDATE budget_counters c SET held = c.held + coalesce(amounts[1], 0)
     WHERE c.organization_id = organization AND c.budget_id = budget_ids[1] AND c.subject = subjects[1]
       AND c.period_start = period_starts[1]
       AND (NOT are_blocking[1] OR c.spent + c.held + amounts[1] <= limits[1])
    RETURNING jsonb_build_array(jsonb_build_array(1, c.spent::text, (c.held - coalesce(amounts[1], 0))::text))
      INTO counters;
    is_reserved := FOUND;
  END IF;

  WHILE has_budgets AND NOT is_reserved LOOP
    SELECT bool_or(c.budget_id IS NULL),
           bool_or(k.is_blocking AND (k.amount IS NULL OR c.spent + c.held + k.amount > k.maximum)),
           jsonb_agg(jsonb_build_array(k.ordinal, c.spent::text, c.held::text))
      INTO is_missing, is_refused, counters
      FROM unnest(budget_ids, subjects, period_starts, amounts, limits, are_blocking) WITH ORDINALITY
        AS k(budget_id, subject, period_start, amount, maximum, is_blocking, ordinal)
      LEFT JOIN budget_counters c ON c.organization_id = organization AND c.budget_id = k.budget_id
       AND c.subject = k.subject AND c.period_start = k.period_start;
    EXIT WHEN NOT is_missing;
    -- A counter is made when it is first needed: from the ledger, where its period began before the budget did.
    FOR late IN
      SELECT DISTINCT b.id, k.period_start, k.period_end
        FROM unnest(budget_ids, subjects, period_starts, period_ends) AS k(budget_id, subject, period_start, period_end)
        JOIN budgets b ON b.organization_id = organization AND b.id = k.budget_id AND b.counted_from > k.period_start
       WHERE NOT EXISTS (SELECT FROM budget_counters c WHERE c.organization_id = organization
                            AND c.budget_id = k.budget_id AND c.subject = k.subject AND c.period_start = k.period_start)
    LOOP
      PERFORM rebuild_budget_counters(organization, late.id, late.period_start, late.period_end);
    END LOOP;
    INSERT INTO budget_counters (organization_id, budget_id, subject, period_start, period_end, spent)
    SELECT organization, k.budget_id, k.subject, k.period_start, k.period_end, 0
      FROM unnest(budget_ids, subjects, period_starts, period_ends) AS k(budget_id, subject, period_start, period_end)
    ON CONFLICT DO NOTHING;
  END LOOP;
  IF is_refused THEN RETURN jsonb_build_object('status', 'refused', 'counters', counters); END IF;

  IF is_prepaid THEN
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
                     user_id, tags, created_at, expires_at, budget_ids, subjects, period_starts, reserved)
  VALUES (organization, hold_id, 'active', hold_provider, hold_model, wanted_usd, wanted_tokens, credit, hold_team,
          key_id, hold_user, hold_tags, at, expiry, budget_ids, subjects, period_starts, amounts);
  IF has_budgets AND NOT is_reserved THEN
    UPDATE budget_counters c SET held = c.held + coalesce(k.amount, 0)
      FROM unnest(budget_ids, subjects, period_starts, amounts) AS k(budget_id, subject, period_start, amount)
     WHERE c.organization_id = organization AND c.budget_id = k.budget_id AND c.subject = k.subject
       AND c.period_start = k.period_start;
  END IF;
  RETURN jsonb_build_object('status', 'held', 'counters', counters,
                            'credits', CASE WHEN is_prepaid THEN (available - credit)::text END);
END $$;

-- Gives back what a hold reserves, if it still does. Answers the hold as it is then; nothing where there is none, or it
-- is another team's.
CREATE OR REPLACE FUNCTION release_hold(organization uuid, released uuid, for_team uuid, at timestamptz)
RETURNS SETOF holds LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  is_locked boolean;
  found_hold holds;
BEGIN
  is_locked := pg_advisory_xact_lock(hashtextextended(organization::text, 0)) IS NULL;
  SELECT * INTO found_hold FROM holds h
   WHERE h.organization_id = organization AND h.id = released AND (for_team IS NULL OR h.team_id = for_team);
  IF found_hold.id IS NULL THEN RETURN; END IF;
  IF found_hold.status = 'active' AND found_hold.expires_at <= at THEN
    PERFORM sweep_holds(organization, at);
    found_hold.status := 'expired';
  ELSIF found_hold.status = 'active' THEN
    IF cardinality(found_hold.budget_ids) = 1 AND found_hold.credit_amount = 0 THEN
      UPDATE budget_counters c SET held = c.held - coalesce(found_hold.reserved[1], 0)
       WHERE c.organization_id = organization AND c.budget_id = found_hold.budget_ids[1]
         AND c.subject = found_hold.subjects[1] AND c.period_start = found_hold.period_starts[1];
    ELSE
      PERFORM free_reservations(organization, ARRAY[released]);
    END IF;
    UPDATE holds h SET status = 'released', closed_at = at WHERE h.organization_id = organization AND h.id = released;
    found_hold.status := 'released';
  END IF;
  RETURN NEXT found_hold;
END $$;
