-- AlterTable
ALTER TABLE "organizations" ADD COLUMN     "budget_version" BIGINT NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "budgets" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "unit" TEXT NOT NULL,
    "amount" DECIMAL(38,18) NOT NULL,
    "raise_amount" DECIMAL(38,18),
    "raise_until" TIMESTAMPTZ(3),
    "period" TEXT NOT NULL,
    "timezone" TEXT NOT NULL,
    "team_id" UUID,
    "user_id" TEXT,
    "provider" TEXT,
    "model" TEXT,
    "api_key_id" UUID,
    "tags" JSONB,
    "per" TEXT,
    "thresholds" INTEGER[],
    "action" TEXT NOT NULL,
    "counted_from" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "budgets_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "budget_counters" (
    "organization_id" UUID NOT NULL,
    "budget_id" UUID NOT NULL,
    "subject" TEXT NOT NULL,
    "period_start" TIMESTAMPTZ(3) NOT NULL,
    "period_end" TIMESTAMPTZ(3) NOT NULL,
    "spent" DECIMAL(38,18) NOT NULL,
    "held" DECIMAL(38,18) NOT NULL DEFAULT 0,
    "matched_events" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "budget_counters_pkey" PRIMARY KEY ("organization_id","budget_id","subject","period_start")
);

-- CreateTable
CREATE TABLE "budget_crossings" (
    "organization_id" UUID NOT NULL,
    "budget_id" UUID NOT NULL,
    "subject" TEXT NOT NULL,
    "period_start" TIMESTAMPTZ(3) NOT NULL,
    "threshold" INTEGER NOT NULL,
    "crossed_at" TIMESTAMPTZ(3) NOT NULL,
    "recovered_at" TIMESTAMPTZ(3),

    CONSTRAINT "budget_crossings_pkey" PRIMARY KEY ("organization_id","budget_id","subject","period_start","threshold")
);

-- CreateTable
CREATE TABLE "holds" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "status" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "amount" DECIMAL(38,18),
    "tokens" BIGINT NOT NULL,
    "credit_amount" DECIMAL(38,18) NOT NULL DEFAULT 0,
    "team_id" UUID,
    "api_key_id" UUID NOT NULL,
    "user_id" TEXT,
    "tags" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "closed_at" TIMESTAMPTZ(3),
    "settled_by" UUID,

    CONSTRAINT "holds_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "hold_reservations" (
    "organization_id" UUID NOT NULL,
    "hold_id" UUID NOT NULL,
    "budget_id" UUID NOT NULL,
    "subject" TEXT NOT NULL,
    "period_start" TIMESTAMPTZ(3) NOT NULL,
    "amount" DECIMAL(38,18) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "hold_reservations_pkey" PRIMARY KEY ("organization_id","hold_id","budget_id")
);

-- CreateTable
CREATE TABLE "events" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "position" BIGSERIAL NOT NULL,
    "type" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "team_id" UUID,
    "data" JSONB NOT NULL,

    CONSTRAINT "events_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "credit_grants" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "amount" DECIMAL(38,18) NOT NULL,
    "remaining" DECIMAL(38,18) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "priority" INTEGER NOT NULL DEFAULT 0,
    "note" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "credit_grants_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "credit_entries" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "position" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "cause" TEXT NOT NULL,
    "amount" DECIMAL(38,18) NOT NULL,
    "grant_id" UUID,
    "usage_event_id" UUID,
    "hold_id" UUID,

    CONSTRAINT "credit_entries_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "credit_accounts" (
    "organization_id" UUID NOT NULL,
    "held" DECIMAL(38,18) NOT NULL DEFAULT 0,
    "overdraft" DECIMAL(38,18) NOT NULL DEFAULT 0,
    "low" BOOLEAN NOT NULL DEFAULT false,
    "exhausted" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "credit_accounts_pkey" PRIMARY KEY ("organization_id")
);

-- CreateIndex
CREATE INDEX "holds_organization_id_status_expires_at_idx" ON "holds"("organization_id", "status", "expires_at");

-- CreateIndex
CREATE INDEX "hold_reservations_organization_id_expires_at_idx" ON "hold_reservations"("organization_id", "expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "events_organization_id_position_key" ON "events"("organization_id", "position");

-- CreateIndex
CREATE UNIQUE INDEX "credit_entries_organization_id_position_key" ON "credit_entries"("organization_id", "position");

-- What Prisma's schema cannot say.
ALTER TABLE "budget_counters" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "credit_accounts" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- A UUIDv7 (RFC 9562) of a moment; PostgreSQL has its own from version 18 on only.
CREATE FUNCTION uuid_v7_at(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM at) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- The smallest UUIDv7-shaped value of a moment: a range of time is a range of event ids.
CREATE FUNCTION uuid_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT encode(substring(int8send((extract(epoch FROM at) * 1000)::bigint) FROM 3) || '\x00000000000000000000'::bytea, 'hex')::uuid
$$;

-- Writers of one organization take turns: whoever counts or reserves holds this lock.
CREATE FUNCTION lock_organization(organization uuid) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(hashtextextended(organization::text, 0))
$$;

CREATE FUNCTION raise_event(organization uuid, at timestamptz, kind text, team uuid, payload jsonb)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO events (organization_id, id, type, created_at, team_id, data)
  VALUES (organization, uuid_v7_at(at), kind, at, team, payload)
$$;

-- What the ledger says of a budget in a stretch of time, by subject: the truth that counters are kept equal to. Where
-- retention has removed the events, their sums by user and tags stand in for them.
CREATE FUNCTION count_budget(organization uuid, budget uuid, from_time timestamptz, to_time timestamptz)
RETURNS TABLE (subject text, spent numeric, matched bigint) LANGUAGE sql STABLE AS $$
  WITH rule AS MATERIALIZED (SELECT * FROM budgets b WHERE b.organization_id = organization AND b.id = budget),
  kept AS MATERIALIZED (
    SELECT greatest(from_time, coalesce(o.retired_before, '-infinity')) AS since, o.retired_before
      FROM organizations o WHERE o.id = organization),
  usage AS (
    SELECT e.series_id, e.user_id, e.tags, e.cost, e.input_tokens + e.output_tokens AS tokens, e.requests::bigint
      FROM kept k JOIN usage_events e ON e.organization_id = organization
       AND e.id >= uuid_floor(CASE WHEN k.since = '-infinity' THEN '1970-01-01Z' ELSE k.since END)
       AND e.id < uuid_floor(CASE WHEN to_time = 'infinity' THEN '9999-12-31Z' ELSE to_time END)
    UNION ALL
    SELECT d.series_id, a.user_id, a.tags, d.cost, d.input_tokens + d.output_tokens, d.requests
      FROM kept k JOIN usage_attribution_days d ON d.organization_id = organization
       AND d.bucket >= from_time AND d.bucket < least(k.retired_before, to_time)
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

-- Sets the counters of a budget's period to what the ledger says; what is held stays. Under the organization's lock.
CREATE FUNCTION rebuild_budget_counters(organization uuid, budget uuid, from_time timestamptz, to_time timestamptz)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO budget_counters AS c (organization_id, budget_id, subject, period_start, period_end, spent, matched_events)
  SELECT organization, budget, n.subject, from_time, to_time, n.spent, n.matched
    FROM count_budget(organization, budget, from_time, to_time) n
  ON CONFLICT (organization_id, budget_id, subject, period_start)
  DO UPDATE SET spent = excluded.spent, matched_events = excluded.matched_events
$$;

-- The amount in force at a moment.
CREATE FUNCTION budget_limit(b budgets, at timestamptz) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT b.amount + CASE WHEN b.raise_until > at THEN coalesce(b.raise_amount, 0) ELSE 0 END
$$;

-- Raises what these counters say was crossed, exactly once: a crossing is a row, and its key is unique. A limit that
-- is no longer reached has recovered, also once. In the transaction that changed the counter or the limit.
CREATE FUNCTION raise_crossings(
  at timestamptz, organization_ids uuid[], budget_ids uuid[], subjects text[], period_starts timestamptz[]
) RETURNS void LANGUAGE sql AS $$
  WITH touched AS MATERIALIZED (
    SELECT c.organization_id, c.budget_id, c.subject, c.period_start, c.period_end, c.spent, b.unit, b.per, b.thresholds,
           budget_limit(b, at) AS maximum,
           coalesce(b.team_id, CASE WHEN b.per = 'team' THEN c.subject::uuid END) AS team_id
      FROM unnest(organization_ids, budget_ids, subjects, period_starts) AS k(organization_id, budget_id, subject, period_start)
      JOIN budget_counters c USING (organization_id, budget_id, subject, period_start)
      JOIN budgets b ON b.organization_id = c.organization_id AND b.id = c.budget_id AND b.deleted_at IS NULL),
  crossed AS (
    INSERT INTO budget_crossings (organization_id, budget_id, subject, period_start, threshold, crossed_at)
    SELECT t.organization_id, t.budget_id, t.subject, t.period_start, line.threshold, at
      FROM touched t CROSS JOIN LATERAL unnest(t.thresholds || 0) AS line(threshold)
     WHERE t.spent * 100 >= t.maximum * CASE line.threshold WHEN 0 THEN 100 ELSE line.threshold END
    ON CONFLICT DO NOTHING
    RETURNING organization_id, budget_id, subject, period_start, threshold),
  recovered AS (
    UPDATE budget_crossings x SET recovered_at = at FROM touched t
     WHERE x.organization_id = t.organization_id AND x.budget_id = t.budget_id AND x.subject = t.subject
       AND x.period_start = t.period_start AND x.threshold = 0 AND x.recovered_at IS NULL AND t.spent < t.maximum
    RETURNING x.organization_id, x.budget_id, x.subject, x.period_start, NULL::int AS threshold),
  happened AS (
    SELECT CASE threshold WHEN 0 THEN 'usage.exceeded' ELSE 'budget.threshold_reached' END AS kind, * FROM crossed
    UNION ALL
    SELECT 'budget.recovered', * FROM recovered)
  INSERT INTO events (organization_id, id, type, created_at, team_id, data)
  SELECT t.organization_id, uuid_v7_at(at), h.kind, at, t.team_id,
         jsonb_build_object('budgetId', t.budget_id, 'teamId', t.team_id, 'unit', t.unit, 'limit', t.maximum::text,
           'current', t.spent::text, 'periodStart', to_json(t.period_start), 'periodEnd', to_json(t.period_end),
           'per', t.per, 'subject', nullif(t.subject, ''))
         || CASE WHEN h.threshold > 0 THEN jsonb_build_object('threshold', h.threshold) ELSE '{}' END
    FROM happened h JOIN touched t USING (organization_id, budget_id, subject, period_start)
   ORDER BY t.organization_id, t.budget_id, t.subject, t.period_start, coalesce(nullif(h.threshold, 0), 1000000)
$$;

-- Turns grants whose time is over into ledger entries. Until it is called they count for nothing all the same: every
-- reader leaves them out by their time.
CREATE FUNCTION expire_grants(organization uuid, at timestamptz) RETURNS void LANGUAGE sql AS $$
  WITH gone AS (
    SELECT g.id, g.remaining FROM credit_grants g
     WHERE g.organization_id = organization AND g.expires_at <= at AND g.remaining > 0),
  emptied AS (
    UPDATE credit_grants g SET remaining = 0 FROM gone WHERE g.organization_id = organization AND g.id = gone.id)
  INSERT INTO credit_entries (organization_id, id, at, cause, amount, grant_id)
  SELECT organization, uuid_v7_at(at), at, 'expiry', -gone.remaining, gone.id FROM gone
$$;

-- What can be spent or held. Expired grants must be turned over before.
CREATE FUNCTION available_credits(organization uuid) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT sum(g.remaining) FROM credit_grants g WHERE g.organization_id = organization), 0)
       - coalesce((SELECT a.held + a.overdraft FROM credit_accounts a WHERE a.organization_id = organization), 0)
$$;

-- Takes money from the grants, the lowest priority number first, then what expires soonest; what is beyond them all is
-- an overdraft. A negative amount goes back: to the overdraft first, then to the grants in the reverse order; what no
-- living grant has room for has expired with the grant it came from.
CREATE FUNCTION burn_credits(organization uuid, at timestamptz, total numeric) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  moved numeric := 0;
BEGIN
  INSERT INTO credit_accounts (organization_id) VALUES (organization) ON CONFLICT DO NOTHING;
  IF total > 0 THEN
    WITH parts AS (
      SELECT g.id, least(g.remaining, greatest(0, total - (sum(g.remaining) OVER burning - g.remaining))) AS part
        FROM credit_grants g WHERE g.organization_id = organization AND g.remaining > 0
      WINDOW burning AS (ORDER BY g.priority, g.expires_at NULLS LAST, g.id)),
    burnt AS (
      UPDATE credit_grants g SET remaining = g.remaining - p.part FROM parts p
       WHERE g.organization_id = organization AND g.id = p.id AND p.part > 0 RETURNING p.part)
    SELECT coalesce(sum(part), 0) INTO moved FROM burnt;
    UPDATE credit_accounts a SET overdraft = a.overdraft + total - moved WHERE a.organization_id = organization;
  ELSIF total < 0 THEN
    SELECT least(a.overdraft, -total) INTO moved FROM credit_accounts a WHERE a.organization_id = organization;
    UPDATE credit_accounts a SET overdraft = a.overdraft - moved WHERE a.organization_id = organization;
    total := total + moved;
    WITH parts AS (
      SELECT g.id, least(g.amount - g.remaining, greatest(0, -total - (sum(g.amount - g.remaining) OVER back - (g.amount - g.remaining)))) AS part
        FROM credit_grants g
       WHERE g.organization_id = organization AND g.remaining < g.amount AND (g.expires_at IS NULL OR g.expires_at > at)
      WINDOW back AS (ORDER BY g.priority DESC, g.expires_at DESC NULLS FIRST, g.id DESC)),
    returned AS (
      UPDATE credit_grants g SET remaining = g.remaining + p.part FROM parts p
       WHERE g.organization_id = organization AND g.id = p.id AND p.part > 0 RETURNING p.part)
    SELECT coalesce(sum(part), 0) INTO moved FROM returned;
    IF total + moved < 0 THEN
      INSERT INTO credit_entries (organization_id, id, at, cause, amount)
      VALUES (organization, uuid_v7_at(at), at, 'expiry', total + moved);
    END IF;
  END IF;
END $$;

-- Raises credits.low (a tenth of the living grants is left) and credits.exhausted once for each time it comes to it.
CREATE FUNCTION raise_credit_events(organization uuid, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  available numeric := available_credits(organization);
  granted numeric;
  account credit_accounts;
  payload jsonb;
BEGIN
  INSERT INTO credit_accounts (organization_id) VALUES (organization) ON CONFLICT DO NOTHING;
  SELECT * INTO account FROM credit_accounts a WHERE a.organization_id = organization;
  SELECT coalesce(sum(g.amount), 0) INTO granted FROM credit_grants g
   WHERE g.organization_id = organization AND (g.expires_at IS NULL OR g.expires_at > at);
  payload := jsonb_build_object('available', available::text, 'granted', granted::text);
  IF (available * 10 <= granted) AND NOT account.low THEN
    PERFORM raise_event(organization, at, 'credits.low', NULL, payload);
  END IF;
  IF (available <= 0) AND NOT account.exhausted THEN
    PERFORM raise_event(organization, at, 'credits.exhausted', NULL, payload);
  END IF;
  UPDATE credit_accounts a SET low = (available * 10 <= granted), exhausted = (available <= 0)
   WHERE a.organization_id = organization
     AND (a.low, a.exhausted) IS DISTINCT FROM ((available * 10 <= granted), (available <= 0));
END $$;

-- Ends holds and gives back what they reserved; the status of each must be set before.
CREATE FUNCTION free_reservations(organization uuid, hold_ids uuid[]) RETURNS void LANGUAGE sql AS $$
  WITH gone AS (
    DELETE FROM hold_reservations r WHERE r.organization_id = organization AND r.hold_id = ANY (hold_ids) RETURNING r.*),
  sums AS (
    SELECT g.budget_id, g.subject, g.period_start, sum(g.amount) AS amount FROM gone g GROUP BY 1, 2, 3),
  counters AS (
    UPDATE budget_counters c SET held = c.held - s.amount FROM sums s
     WHERE c.organization_id = organization AND c.budget_id = s.budget_id AND c.subject = s.subject
       AND c.period_start = s.period_start),
  credits AS (
    UPDATE holds h SET credit_amount = 0 FROM holds old
     WHERE h.organization_id = organization AND h.id = ANY (hold_ids) AND h.credit_amount > 0
       AND old.organization_id = h.organization_id AND old.id = h.id
    RETURNING old.credit_amount)
  UPDATE credit_accounts a SET held = a.held - c.amount
    FROM (SELECT sum(credit_amount) AS amount FROM credits) c
   WHERE a.organization_id = organization AND c.amount > 0
$$;

-- Ends the holds whose time is over. Nothing waits for it: readers leave them out by their time.
CREATE FUNCTION sweep_holds(organization uuid, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  swept uuid[];
BEGIN
  WITH closed AS (
    UPDATE holds h SET status = 'expired', closed_at = h.expires_at
     WHERE h.organization_id = organization AND h.status = 'active' AND h.expires_at <= at RETURNING h.id)
  SELECT array_agg(id) INTO swept FROM closed;
  IF swept IS NOT NULL THEN PERFORM free_reservations(organization, swept); END IF;
END $$;

-- Reserves the worst case of a call, or says which budget or credits have no room. One call, one transaction: under the
-- organization's lock the sums that decide cannot change before they are raised, so no two holds share the same money.
-- `wanted_usd` null: the cost is unknown; a blocking budget in USD, or prepaid credits, then refuse.
CREATE FUNCTION create_hold(
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
    PERFORM expire_grants(organization, at);
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

-- What hangs on recorded events, in their transaction: budget counters and their crossings. `set_numbers` says which
-- set of counters each event counts for (0: none), the `pair_` arrays what the sets are.
CREATE FUNCTION count_recorded(
  at timestamptz, known_ordinals bigint[], set_numbers int[], costs numeric[], input_counts bigint[],
  output_counts bigint[], request_counts smallint[], pair_sets int[], pair_organizations uuid[], pair_budgets uuid[],
  pair_subjects text[], pair_starts timestamptz[], pair_ends timestamptz[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  late record;
  rebuilt_budgets uuid[] := '{}';
  rebuilt_starts timestamptz[] := '{}';
  organization_ids uuid[];
  budget_ids uuid[];
  subjects text[];
  starts timestamptz[];
BEGIN
  -- Counters of a period before the budget began start from the ledger, which holds this transaction's events already.
  FOR late IN
    SELECT DISTINCT p.organization_id, p.budget_id, p.period_start, p.period_end
      FROM unnest(pair_organizations, pair_budgets, pair_subjects, pair_starts, pair_ends)
        AS p(organization_id, budget_id, subject, period_start, period_end)
      JOIN budgets b ON b.organization_id = p.organization_id AND b.id = p.budget_id AND b.counted_from > p.period_start
     WHERE NOT EXISTS (SELECT FROM budget_counters c WHERE c.organization_id = p.organization_id
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
           sum(i.requests) AS requests
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
            FROM unnest(pair_organizations, pair_budgets, pair_subjects, pair_starts)
              AS p(organization_id, budget_id, subject, period_start)
            JOIN rebuilt r USING (budget_id, period_start)) t;
  IF organization_ids IS NOT NULL THEN
    PERFORM raise_crossings(at, organization_ids, budget_ids, subjects, starts);
  END IF;
END $$;

-- The holds that recorded events settle, and the credits that they burn.
CREATE FUNCTION settle_recorded(
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
      RETURNING amount)
    SELECT -sum(c.amount) INTO total FROM charged c;
    IF total IS NOT NULL THEN PERFORM burn_credits(payer, at, total); END IF;
    PERFORM raise_credit_events(payer, at);
  END LOOP;
END $$;

DROP FUNCTION record_usage;

-- Stores events, their deduplication, their sums, and all that hangs on them (budgets, holds, credits, the events they
-- raise) in the caller's transaction (its own, when called alone). One advisory lock per organization, taken in the
-- order given (sorted by the caller), makes writers of one organization take turns: sums cannot deadlock, and
-- "position" is commit order within the organization. Each statement below takes a new snapshot, so it sees what the
-- writer before committed. Fails with MT001 when a caller's list of budgets is not the newest (it reads it again and
-- repeats), and with MT002 when credits that an event requires are not there; nothing is stored then.
-- Returns the events that were not stored, since their event id was known, with what is stored under it.
CREATE FUNCTION record_usage(
  locked_organizations uuid[], organization_ids uuid[], ids uuid[], event_ids text[], body_hashes bytea[],
  times timestamptz[], recorded_ats timestamptz[], series_ids int[], request_counts smallint[],
  input_counts bigint[], output_counts bigint[], cache_read_counts bigint[], cache_write_counts bigint[],
  cache_write_1h_counts bigint[], reasoning_counts bigint[], input_audio_counts bigint[], output_audio_counts bigint[],
  web_search_counts bigint[], costs numeric[], computed_costs numeric[], cost_sources text[], price_ids uuid[],
  unpriced_reasons text[], user_ids text[], tag_objects jsonb[], metadata_objects jsonb[], warning_lists jsonb[],
  hold_ids uuid[], voids_ids uuid[], void_reasons text[], at timestamptz, budget_versions bigint[], set_numbers int[],
  pair_sets int[], pair_organizations uuid[], pair_budgets uuid[], pair_subjects text[], pair_starts timestamptz[],
  pair_ends timestamptz[], required_credits numeric
) RETURNS TABLE (ordinal bigint, id uuid, body_hash bytea, cost numeric)
LANGUAGE plpgsql AS $$
DECLARE
  locked uuid;
  stored bigint;
  stored_ids uuid[];
  known_ordinals bigint[] := '{}';
  is_stale boolean;
  prepaid uuid[];
BEGIN
  -- Shared by all writers; the fold takes it alone for a moment, to know that no position below is still to come.
  PERFORM pg_advisory_xact_lock_shared(6384377010);
  FOREACH locked IN ARRAY locked_organizations LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(locked::text, 0));
  END LOOP;
  SELECT coalesce(bool_or(o.budget_version <> v.version), false),
         coalesce(array_agg(o.id ORDER BY o.id) FILTER (WHERE o.credits_mode = 'prepaid'), '{}')
    INTO is_stale, prepaid
    FROM unnest(locked_organizations, budget_versions) AS v(id, version) JOIN organizations o ON o.id = v.id;
  IF is_stale THEN RAISE EXCEPTION 'the list of budgets is not the newest' USING ERRCODE = 'MT001'; END IF;

  WITH stored_events AS (
    INSERT INTO usage_events AS e (
      organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens, output_tokens,
      cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
      output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, unpriced_reason, user_id, tags,
      metadata, warnings, hold_id, voids_id, void_reason)
    SELECT i.* FROM unnest(
        organization_ids, ids, event_ids, body_hashes, times, recorded_ats, series_ids, request_counts, input_counts,
        output_counts, cache_read_counts, cache_write_counts, cache_write_1h_counts, reasoning_counts,
        input_audio_counts, output_audio_counts, web_search_counts, costs, computed_costs, cost_sources, price_ids,
        unpriced_reasons, user_ids, tag_objects, metadata_objects, warning_lists, hold_ids, voids_ids, void_reasons
      ) AS i(organization_id, id, event_id)
     WHERE NOT EXISTS (
       SELECT FROM retired_usage_events r WHERE r.organization_id = i.organization_id AND r.event_id = i.event_id)
    ON CONFLICT DO NOTHING
    RETURNING e.id, e.organization_id, e.time, e.series_id, e.requests, e.input_tokens, e.output_tokens,
      e.cache_read_tokens, e.cache_write_tokens, e.reasoning_tokens, e.cost),
  quarter_hour_sums AS (
    SELECT s.organization_id, date_bin('15 minutes', s.time, '2000-01-01Z') AS bucket, s.series_id,
           sum(s.requests)::bigint AS requests, sum(s.input_tokens)::bigint AS input_tokens,
           sum(s.output_tokens)::bigint AS output_tokens, sum(s.cache_read_tokens)::bigint AS cache_read_tokens,
           sum(s.cache_write_tokens)::bigint AS cache_write_tokens, sum(s.reasoning_tokens)::bigint AS reasoning_tokens,
           coalesce(sum(s.cost), 0) AS cost,
           coalesce(sum(s.requests) FILTER (WHERE s.cost IS NULL), 0)::bigint AS unpriced_requests,
           count(*) AS event_rows
      FROM stored_events s GROUP BY 1, 2, 3),
  quarter_hours AS (
    INSERT INTO usage_quarter_hours AS q
    SELECT s.organization_id, s.bucket, s.series_id, s.requests, s.input_tokens, s.output_tokens, s.cache_read_tokens,
           s.cache_write_tokens, s.reasoning_tokens, s.cost, s.unpriced_requests
      FROM quarter_hour_sums s
    ON CONFLICT (organization_id, bucket, series_id) DO UPDATE SET
      requests = q.requests + excluded.requests,
      input_tokens = q.input_tokens + excluded.input_tokens,
      output_tokens = q.output_tokens + excluded.output_tokens,
      cache_read_tokens = q.cache_read_tokens + excluded.cache_read_tokens,
      cache_write_tokens = q.cache_write_tokens + excluded.cache_write_tokens,
      reasoning_tokens = q.reasoning_tokens + excluded.reasoning_tokens,
      cost = q.cost + excluded.cost,
      unpriced_requests = q.unpriced_requests + excluded.unpriced_requests),
  days AS (
    INSERT INTO usage_days AS d
    SELECT s.organization_id, date_trunc('day', s.bucket, 'UTC'), s.series_id, sum(s.requests), sum(s.input_tokens),
           sum(s.output_tokens), sum(s.cache_read_tokens), sum(s.cache_write_tokens), sum(s.reasoning_tokens),
           sum(s.cost), sum(s.unpriced_requests)
      FROM quarter_hour_sums s GROUP BY 1, 2, 3
    ON CONFLICT (organization_id, bucket, series_id) DO UPDATE SET
      requests = d.requests + excluded.requests,
      input_tokens = d.input_tokens + excluded.input_tokens,
      output_tokens = d.output_tokens + excluded.output_tokens,
      cache_read_tokens = d.cache_read_tokens + excluded.cache_read_tokens,
      cache_write_tokens = d.cache_write_tokens + excluded.cache_write_tokens,
      reasoning_tokens = d.reasoning_tokens + excluded.reasoning_tokens,
      cost = d.cost + excluded.cost,
      unpriced_requests = d.unpriced_requests + excluded.unpriced_requests)
  SELECT coalesce((SELECT sum(q.event_rows) FROM quarter_hour_sums q), 0), array_agg(s.id)
    INTO stored, stored_ids FROM stored_events s;

  -- By what this very statement stored, not by what is there: after a lost connection the same rows may come again.
  IF stored < cardinality(ids) THEN
    SELECT coalesce(array_agg(i.ordinal), '{}') INTO known_ordinals
      FROM unnest(ids) WITH ORDINALITY AS i(id, ordinal) LEFT JOIN unnest(stored_ids) AS s(id) ON s.id = i.id
     WHERE s.id IS NULL;
  END IF;
  IF cardinality(pair_sets) > 0 THEN
    PERFORM count_recorded(at, known_ordinals, set_numbers, costs, input_counts, output_counts, request_counts,
      pair_sets, pair_organizations, pair_budgets, pair_subjects, pair_starts, pair_ends);
  END IF;
  IF cardinality(prepaid) > 0 OR array_remove(hold_ids, NULL) <> '{}' THEN
    PERFORM settle_recorded(at, known_ordinals, organization_ids, ids, costs, request_counts, hold_ids, prepaid,
      CASE WHEN stored > 0 THEN required_credits END);
  END IF;
  IF stored = cardinality(ids) THEN RETURN; END IF;

  RETURN QUERY
    SELECT i.ordinal, e.id, e.body_hash, e.cost
      FROM unnest(organization_ids, ids, event_ids) WITH ORDINALITY AS i(organization_id, id, event_id, ordinal)
      JOIN usage_events e ON e.organization_id = i.organization_id AND e.event_id = i.event_id
     WHERE e.id <> i.id
    UNION ALL
    SELECT i.ordinal, r.id, r.body_hash, r.cost
      FROM unnest(organization_ids, event_ids) WITH ORDINALITY AS i(organization_id, event_id, ordinal)
      JOIN retired_usage_events r ON r.organization_id = i.organization_id AND r.event_id = i.event_id;
END $$;
