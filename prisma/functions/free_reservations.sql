-- Gives back what those of these holds that are still active reserve. The caller holds the
-- organization's lock and closes the holds next, in the same transaction: a hold that is closed has
-- given back. This is PL/pgSQL so that its plans are kept.
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
