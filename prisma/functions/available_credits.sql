-- What an organization can spend or hold, in USD: what its grants have left, less what holds
-- reserve and less its overdraft. A grant that has expired still counts here until expire_grants
-- has emptied it, so the caller does that first.
CREATE OR REPLACE FUNCTION available_credits(organization uuid) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT sum(g.remaining) FROM credit_grants g WHERE g.organization_id = organization), 0)
       - coalesce((SELECT a.held + a.overdraft FROM credit_accounts a WHERE a.organization_id = organization), 0)
$$;
