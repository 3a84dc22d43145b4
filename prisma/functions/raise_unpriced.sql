-- Raises usage.unpriced for events without a price, once for each provider, model, service tier and
-- reason of an organization: what was told is a row of unpriced_models, whose key they are. At most
-- `most` of them are told in an organization, so that models that are named at random cannot flood
-- the log. An event that told no usage is not meant: no price would help it. One element of each list
-- is an event that was just recorded. The caller holds the locks of the organizations.
CREATE OR REPLACE FUNCTION raise_unpriced(
  at timestamptz, organization_ids uuid[], series_ids int[], reasons text[], usage_ids uuid[]
) RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  most CONSTANT int := 1000;
  untold bigint[];
BEGIN
  SELECT array_agg(i.ordinal) INTO untold
    FROM (
      SELECT u.organization_id, u.series_id, u.reason, min(u.ordinal) AS ordinal
        FROM unnest(organization_ids, series_ids, reasons) WITH ORDINALITY
          AS u(organization_id, series_id, reason, ordinal)
       WHERE u.reason <> 'no_usage_reported'
       GROUP BY 1, 2, 3) i
   CROSS JOIN LATERAL (
     SELECT n.provider, n.model, n.service_tier FROM usage_series n
      WHERE n.organization_id = i.organization_id AND n.id = i.series_id LIMIT 1) s
   WHERE NOT EXISTS (
     SELECT FROM unpriced_models m
      WHERE m.organization_id = i.organization_id AND m.provider = s.provider AND m.model = s.model
        AND m.service_tier = s.service_tier AND m.reason = i.reason);
  IF untold IS NULL THEN RETURN; END IF;

  WITH named AS (
    -- Series differ in more than what is told.
    SELECT DISTINCT ON (1, 2, 3, 4, 5)
           s.organization_id, s.provider, s.model, s.service_tier, reasons[u.ordinal] AS reason, u.ordinal
      FROM unnest(untold) AS u(ordinal)
      JOIN usage_series s ON s.organization_id = organization_ids[u.ordinal] AND s.id = series_ids[u.ordinal]
     ORDER BY 1, 2, 3, 4, 5, u.ordinal),
  numbered AS (
    SELECT n.*, row_number() OVER (PARTITION BY n.organization_id ORDER BY n.ordinal) AS number FROM named n),
  told AS (
    INSERT INTO unpriced_models AS m (organization_id, provider, model, service_tier, reason)
    SELECT n.organization_id, n.provider, n.model, n.service_tier, n.reason FROM numbered n
     WHERE n.number + (SELECT count(*) FROM unpriced_models o WHERE o.organization_id = n.organization_id) <= most
    RETURNING m.organization_id, m.provider, m.model, m.service_tier, m.reason)
  INSERT INTO events (organization_id, id, type, created_at, data)
  SELECT n.organization_id, uuid_v7_at(at), 'usage.unpriced', at,
         jsonb_build_object('provider', n.provider, 'model', n.model, 'serviceTier', n.service_tier,
           'reason', n.reason, 'usageId', usage_ids[n.ordinal])
    FROM numbered n JOIN told USING (organization_id, provider, model, service_tier, reason)
   ORDER BY n.organization_id, n.ordinal;
END $$;
