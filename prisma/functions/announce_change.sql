-- Announces, at the very end of a transaction, that what processes remember of an organization was
-- changed: the deferred triggers of organizations, teams, members and api_keys call it. Everybody who
-- announces holds one lock until the commit, so numbers become visible in their order: whoever has
-- seen a number has seen all lower ones. A number that was drawn without the lock could be committed
-- after a higher one, and would then be missed. Nothing else is locked after this lock, so nobody
-- waits in a circle.
CREATE OR REPLACE FUNCTION announce_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  organization uuid;
BEGIN
  IF TG_TABLE_NAME = 'organizations' THEN organization := OLD.id; ELSE organization := OLD.organization_id; END IF;
  PERFORM pg_advisory_xact_lock(6384377011);
  INSERT INTO organization_changes (organization_id) VALUES (organization)
  ON CONFLICT (organization_id) DO UPDATE SET change_number = excluded.change_number;
  RETURN NULL;
END $$;
