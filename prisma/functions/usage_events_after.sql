-- An organization's events beyond a position. They are at the table's end, where the index by
-- position finds them. A growing table never has statistics of its newest positions, so the planner
-- would rather read the whole table, or all that the organization ever recorded. The settings
-- prevent the first, and OFFSET, which keeps the planner from searching by organization, prevents
-- the second.
CREATE OR REPLACE FUNCTION usage_events_after(organization uuid, after_position bigint) RETURNS SETOF usage_events
LANGUAGE sql STABLE SET enable_seqscan = off SET enable_indexscan = off AS $$
  SELECT * FROM (SELECT * FROM usage_events e WHERE e.position > after_position OFFSET 0) n
   WHERE n.organization_id = organization
$$;
