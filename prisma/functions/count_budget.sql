-- What the ledger says was used of a budget in a span of time, by subject. The counters are kept
-- equal to this. Where retention has removed the events, their sums are read instead: quarter
-- hours, or, for a budget that looks at users or tags, whole UTC days, each of which counts for the
-- span it begins in.
CREATE OR REPLACE FUNCTION count_budget(organization uuid, budget uuid, from_time timestamptz, to_time timestamptz)
RETURNS TABLE (subject text, spent numeric, matched bigint) LANGUAGE sql STABLE AS $$
  WITH rule AS MATERIALIZED (
    SELECT b.*, coalesce(b.user_id IS NOT NULL OR b.tags IS NOT NULL OR b.per = 'user' OR b.per LIKE 'tag:%', false)
           AS by_attribution
      FROM budgets b WHERE b.organization_id = organization AND b.id = budget),
  kept AS MATERIALIZED (
    -- Sums are read up to `summed_until`, and events from there on.
    SELECT by_attribution, o.retired_before,
           CASE WHEN by_attribution AND date_trunc('day', o.retired_before, 'UTC') >= from_time
                THEN date_trunc('day', o.retired_before - interval '1 microsecond', 'UTC') + interval '24 hours'
                ELSE o.retired_before END AS summed_until
      FROM rule, organizations o WHERE o.id = organization AND o.retired_before > from_time
    UNION ALL
    SELECT by_attribution, NULL, from_time FROM rule
     WHERE NOT EXISTS (SELECT FROM organizations o WHERE o.id = organization AND o.retired_before > from_time)),
  events AS (
    SELECT e.series_id, e.user_id, e.tags, e.cost, e.input_tokens + e.output_tokens AS tokens, e.requests::bigint,
           1 AS sign
      FROM kept k JOIN usage_events e ON e.organization_id = organization
       AND e.id >= uuid_floor(k.summed_until) AND e.id < uuid_floor(to_time)
    UNION ALL
    -- These are in the sum of the day that retention ends in, but lie behind the span: they are
    -- taken off.
    SELECT e.series_id, e.user_id, e.tags, e.cost, e.input_tokens + e.output_tokens, e.requests::bigint, -1
      FROM kept k JOIN usage_events e ON e.organization_id = organization AND k.retired_before IS NOT NULL
       AND e.id >= uuid_floor(greatest(to_time, k.retired_before)) AND e.id < uuid_floor(k.summed_until)
     WHERE k.by_attribution AND date_trunc('day', k.retired_before, 'UTC') < to_time
    UNION ALL
    -- These are of the summed days, but the fold has not reached them yet.
    SELECT e.series_id, e.user_id, e.tags, e.cost, e.input_tokens + e.output_tokens, e.requests::bigint, 1
      FROM kept k JOIN usage_events e ON e.organization_id = organization AND k.retired_before IS NOT NULL
       AND e.id >= uuid_floor(from_time) AND e.id < uuid_floor(k.summed_until)
     WHERE k.by_attribution AND e.position > (SELECT f.position FROM usage_fold f)
       AND date_trunc('day', e.time, 'UTC') >= from_time AND date_trunc('day', e.time, 'UTC') < to_time),
  usage AS (
    SELECT e.series_id, e.user_id, e.tags, e.cost * e.sign AS cost, e.tokens * e.sign AS tokens,
           e.requests * e.sign AS requests
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
