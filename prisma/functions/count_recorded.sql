-- Adds what was recorded to budget counters (one element of each list a counter) and raises the
-- events of the lines that are crossed by it. `counter_alarms` are the lowest values at which
-- anything can be crossed: only a counter that has reached its alarm, or whose limit is exceeded,
-- is looked at again. With `corrects_ended`, counters of periods that are over are corrected and raise
-- nothing. The caller holds the locks of the organizations.
CREATE OR REPLACE FUNCTION count_recorded(
  at timestamptz, counter_organizations uuid[], counter_budgets uuid[], counter_subjects text[],
  counter_starts timestamptz[], counter_ends timestamptz[], counter_alarms numeric[], counter_spents numeric[],
  counter_matches bigint[], corrects_ended boolean DEFAULT false
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  found_ordinals bigint[];
  crossing bigint[];
  new_ordinals bigint[];
  late record;
BEGIN
  WITH counted AS (
    UPDATE budget_counters c SET spent = c.spent + d.spent, matched_events = c.matched_events + d.matched
      FROM unnest(counter_organizations, counter_budgets, counter_subjects, counter_starts, counter_alarms,
                  counter_spents, counter_matches) WITH ORDINALITY
        AS d(organization_id, budget_id, subject, period_start, alarm, spent, matched, ordinal)
     WHERE c.organization_id = d.organization_id AND c.budget_id = d.budget_id AND c.subject = d.subject
       AND c.period_start = d.period_start
    RETURNING d.ordinal, c.spent >= d.alarm OR c.exceeded AS is_crossing)
  SELECT coalesce(array_agg(c.ordinal), '{}'), coalesce(array_agg(c.ordinal) FILTER (WHERE c.is_crossing), '{}')
    INTO found_ordinals, crossing FROM counted c;

  IF cardinality(found_ordinals) < cardinality(counter_budgets) THEN
    SELECT array_agg(o.ordinal) INTO new_ordinals
      FROM generate_series(1, cardinality(counter_budgets)) AS o(ordinal) WHERE o.ordinal <> ALL (found_ordinals);
    -- The counters of a period that began before the budget did start from the ledger, which has
    -- the events of this transaction already.
    FOR late IN
      SELECT DISTINCT b.organization_id, b.id, counter_starts[o.ordinal] AS period_start,
             counter_ends[o.ordinal] AS period_end
        FROM unnest(new_ordinals) AS o(ordinal)
        JOIN budgets b ON b.organization_id = counter_organizations[o.ordinal] AND b.id = counter_budgets[o.ordinal]
         AND b.counted_from > counter_starts[o.ordinal]
    LOOP
      PERFORM rebuild_budget_counters(late.organization_id, late.id, late.period_start, late.period_end);
    END LOOP;
    INSERT INTO budget_counters (organization_id, budget_id, subject, period_start, period_end, spent, matched_events)
    SELECT counter_organizations[o.ordinal], counter_budgets[o.ordinal], counter_subjects[o.ordinal],
           counter_starts[o.ordinal], counter_ends[o.ordinal], counter_spents[o.ordinal], counter_matches[o.ordinal]
      FROM unnest(new_ordinals) AS o(ordinal)
    ON CONFLICT DO NOTHING;
    crossing := crossing || new_ordinals;
  END IF;

  IF corrects_ended THEN
    SELECT coalesce(array_agg(o.ordinal), '{}') INTO crossing FROM unnest(crossing) AS o(ordinal)
     WHERE counter_ends[o.ordinal] > at;
  END IF;
  IF cardinality(crossing) > 0 THEN
    PERFORM raise_crossings(at, array_agg(counter_organizations[o.ordinal]), array_agg(counter_budgets[o.ordinal]),
      array_agg(counter_subjects[o.ordinal]), array_agg(counter_starts[o.ordinal])) FROM unnest(crossing) AS o(ordinal);
  END IF;
END $$;
