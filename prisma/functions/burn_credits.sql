-- Takes an amount in USD from an organization's grants: the lowest priority number burns first,
-- then the grant that expires soonest. What all grants together cannot pay becomes an overdraft. A
-- negative amount is given back: to the overdraft first, then to the grants in the reverse order.
-- Where no living grant has room for it, the money belonged to a grant that has expired since, and
-- the rest is written off as expired too. The caller holds the organization's lock.
CREATE OR REPLACE FUNCTION burn_credits(organization uuid, at timestamptz, total numeric)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  moved numeric := 0;
BEGIN
  INSERT INTO credit_accounts (organization_id) VALUES (organization) ON CONFLICT DO NOTHING;
  IF total > 0 THEN
    WITH parts AS (
      SELECT g.id, least(g.remaining, greatest(0, total - (sum(g.remaining) OVER burning - g.remaining))) AS part
        FROM credit_grants g WHERE g.organization_id = organization AND g.remaining > 0
      WINDOW burning AS (ORDER BY g.priority, g.expires_at NULLS LAST, g.id)),
    burnt AS (
      UPDATE credit_grants g SET remaining = g.remaining - p.part FROM parts p
       WHERE g.organization_id = organization AND g.id = p.id AND p.part > 0 RETURNING p.part)
    SELECT coalesce(sum(part), 0) INTO moved FROM burnt;
    UPDATE credit_accounts a SET overdraft = a.overdraft + total - moved WHERE a.organization_id = organization;
  ELSIF total < 0 THEN
    SELECT least(a.overdraft, -total) INTO moved FROM credit_accounts a WHERE a.organization_id = organization;
    UPDATE credit_accounts a SET overdraft = a.overdraft - moved WHERE a.organization_id = organization;
    total := total + moved;
    WITH parts AS (
      SELECT g.id,
             least(g.amount - g.remaining,
                   greatest(0, -total - (sum(g.amount - g.remaining) OVER back - (g.amount - g.remaining)))) AS part
        FROM credit_grants g
       WHERE g.organization_id = organization AND g.remaining < g.amount AND (g.expires_at IS NULL OR g.expires_at > at)
      WINDOW back AS (ORDER BY g.priority DESC, g.expires_at DESC NULLS FIRST, g.id DESC)),
    returned AS (
      UPDATE credit_grants g SET remaining = g.remaining + p.part FROM parts p
       WHERE g.organization_id = organization AND g.id = p.id AND p.part > 0 RETURNING p.part)
    SELECT coalesce(sum(part), 0) INTO moved FROM returned;
    IF total + moved < 0 THEN
      INSERT INTO credit_entries (organization_id, id, at, cause, amount)
      VALUES (organization, uuid_v7_at(at), at, 'expiry', total + moved);
    END IF;
  END IF;
END $$;
