-- Closes the holds that events name, each settled by the event in its place, and gives back what they
-- still reserve. A place without a hold does nothing, and neither does a hold that was settled or
-- released before. The caller holds the locks of the organizations.
CREATE OR REPLACE FUNCTION settle_holds(at timestamptz, organization_ids uuid[], ids uuid[], hold_ids uuid[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  settled record;
BEGIN
  FOR settled IN
    SELECT i.organization_id, array_agg(i.hold_id) AS hold_ids
      FROM unnest(organization_ids, hold_ids) AS i(organization_id, hold_id)
     WHERE i.hold_id IS NOT NULL
     GROUP BY 1 ORDER BY 1
  LOOP
    PERFORM free_reservations(settled.organization_id, settled.hold_ids);
  END LOOP;
  UPDATE holds h SET status = 'settled', closed_at = at, settled_by = i.id
    FROM unnest(organization_ids, ids, hold_ids) AS i(organization_id, id, hold_id)
   WHERE h.organization_id = i.organization_id AND h.id = i.hold_id AND h.status IN ('active', 'expired');
END $$;
