-- Waits until the caller is the only writer of the organization, and stays so to the end of its
-- transaction. Whoever changes counters, holds or credits holds this lock.
CREATE OR REPLACE FUNCTION lock_organization(organization uuid) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(hashtextextended(organization::text, 0))
$$;
