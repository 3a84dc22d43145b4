-- Pays an organization's overdraft from a new grant, as far as the grant reaches. The balance does
-- not change: what was overdrawn is now taken from the grant. The caller holds the organization's
-- lock.
CREATE OR REPLACE FUNCTION cover_overdraft(organization uuid, new_grant uuid) RETURNS void LANGUAGE sql AS $$
  WITH moved AS (
    SELECT least(a.overdraft, g.remaining) AS amount
      FROM credit_accounts a JOIN credit_grants g ON g.organization_id = a.organization_id AND g.id = new_grant
     WHERE a.organization_id = organization AND a.overdraft > 0),
  granted AS (
    UPDATE credit_grants g SET remaining = g.remaining - m.amount FROM moved m
     WHERE g.organization_id = organization AND g.id = new_grant)
  UPDATE credit_accounts a SET overdraft = a.overdraft - m.amount FROM moved m WHERE a.organization_id = organization
$$;
