-- Closes the holds that recorded events settle, and burns the credits that the events cost. Events
-- whose place is in `known_ordinals` were stored before, so they do nothing. Each event of a prepaid
-- organization has an entry, of 0 where it cost nothing or nobody knows: a void gives back what its
-- event took, and a change of its cost is charged, where that entry is, whether or not the
-- organization is prepaid at that moment. It fails with MT002 when `required_credits` is more than an
-- organization has: above 0, since what costs nothing makes nothing worse. NaN, the cost that is not
-- known, is above every number. The caller holds the locks of the organizations.
CREATE OR REPLACE FUNCTION settle_holds_and_credits(
  at timestamptz, known_ordinals bigint[], organization_ids uuid[], ids uuid[], costs numeric[],
  request_counts smallint[], hold_ids uuid[], prepaid_organizations uuid[], required_credits numeric
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  payer uuid;
  is_prepaid boolean;
  total numeric;
  available numeric;
BEGIN
  PERFORM settle_holds(at, array_agg(i.organization_id), array_agg(i.id), array_agg(i.hold_id))
    FROM unnest(organization_ids, ids, hold_ids) WITH ORDINALITY AS i(organization_id, id, hold_id, ordinal)
   WHERE i.hold_id IS NOT NULL AND i.ordinal <> ALL (known_ordinals);

  FOREACH payer IN ARRAY prepaid_organizations || ARRAY (
    SELECT DISTINCT i.organization_id FROM unnest(organization_ids, request_counts) AS i(organization_id, requests)
     WHERE i.requests <= 0 AND i.organization_id <> ALL (prepaid_organizations) ORDER BY 1)
  LOOP
    is_prepaid := payer = ANY (prepaid_organizations);
    PERFORM expire_grants(payer, at);
    IF is_prepaid AND required_credits > 0 THEN
      PERFORM sweep_holds(payer, at);
      available := available_credits(payer);
      IF required_credits > available THEN
        RAISE EXCEPTION 'insufficient credits' USING ERRCODE = 'MT002',
          DETAIL = jsonb_build_object('required', required_credits::text, 'available', available::text)::text;
      END IF;
    END IF;
    WITH charged AS (
      INSERT INTO credit_entries (organization_id, id, at, cause, amount, usage_event_id, hold_id)
      SELECT payer, uuid_v7_at(settle_holds_and_credits.at), settle_holds_and_credits.at,
             CASE WHEN i.requests < 0 THEN 'void' WHEN i.requests = 0 THEN 'price_adjustment'
                  WHEN i.hold_id IS NOT NULL THEN 'hold_settled' ELSE 'usage' END,
             -coalesce(i.cost, 0), coalesce(first.changes_id, i.id), i.hold_id
        FROM unnest(organization_ids, ids, costs, request_counts, hold_ids) WITH ORDINALITY
          AS i(organization_id, id, cost, requests, hold_id, ordinal)
        LEFT JOIN LATERAL (
          SELECT coalesce(e.voids_id, e.adjusts_id) AS id, e.adjusts_id AS changes_id FROM usage_events e
           WHERE e.organization_id = payer AND e.id = CASE WHEN i.requests <= 0 THEN i.id END) first ON true
       WHERE i.organization_id = payer AND i.ordinal <> ALL (known_ordinals)
         AND (coalesce(i.requests, 1) > 0 AND is_prepaid OR i.requests <= 0 AND i.cost <> 0 AND EXISTS (
           SELECT FROM credit_entries c WHERE c.organization_id = payer AND c.usage_event_id = first.id))
      RETURNING amount)
    SELECT -sum(c.amount) INTO total FROM charged c;
    IF total <> 0 THEN PERFORM burn_credits(payer, at, total); END IF;
    IF is_prepaid THEN PERFORM raise_credit_events(payer, at); END IF;
  END LOOP;
END $$;
