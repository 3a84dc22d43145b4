-- An organization's events beyond a position: they lie at the table's end, and are found by the index by position. The
-- planner would rather read all that the organization ever recorded, or the whole table, while it has no statistics of
-- the newest positions, which it never has: hence the settings, and OFFSET, which keeps the organization from being what
-- is searched by.
CREATE FUNCTION usage_events_after(organization uuid, after bigint) RETURNS SETOF usage_events
LANGUAGE sql STABLE SET enable_seqscan = off SET enable_indexscan = off AS $$
  SELECT * FROM (SELECT * FROM usage_events e WHERE e.position > after OFFSET 0) n WHERE n.organization_id = organization
$$;
