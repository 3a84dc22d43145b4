-- Locks what record_usage locks, in its order: the writers' lock, shared, then the organizations in the
-- order given, which the caller sorts. Whoever was refused for an old list of budgets takes the locks
-- first and reads the list under them, so that nobody can change it again before the events are
-- written.
CREATE OR REPLACE FUNCTION lock_organizations(organizations uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  organization uuid;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(6384377010);
  FOREACH organization IN ARRAY organizations LOOP
    PERFORM lock_organization(organization);
  END LOOP;
END $$;
