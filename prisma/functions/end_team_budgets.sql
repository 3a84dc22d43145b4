-- Ends the budgets of a team that was deleted, and answers which they were: they count and block no
-- more. The version of the organization's budgets is raised, so a writer that still has them in its
-- list is refused and reads it again. The caller holds the organization's lock.
CREATE OR REPLACE FUNCTION end_team_budgets(organization uuid, team uuid, at timestamptz)
RETURNS TABLE (id uuid, name text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    UPDATE budgets b SET ended_at = at, updated_at = at
     WHERE b.organization_id = organization AND b.team_id = team AND b.ended_at IS NULL AND b.deleted_at IS NULL
    RETURNING b.id, b.name;
  IF FOUND THEN
    UPDATE organizations o SET budget_version = o.budget_version + 1 WHERE o.id = organization;
  END IF;
END $$;
