-- Appends an event to the log of what happened in an organization. `payload` is the event's data as
-- the contract names it. The caller holds the organization's lock, so that positions are commit
-- order.
CREATE OR REPLACE FUNCTION raise_event(organization uuid, at timestamptz, kind text, team uuid, payload jsonb)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO events (organization_id, id, type, created_at, team_id, data)
  VALUES (organization, uuid_v7_at(at), kind, at, team, payload)
$$;
