-- The amount of a budget that is in force at a moment: a raise counts until its time is over. Once
-- that was announced, the raise stays over, also for a process whose clock is behind.
CREATE OR REPLACE FUNCTION budget_limit(budget budgets, at timestamptz) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT budget.amount + CASE WHEN budget.raise_until > at AND NOT budget.raise_ended THEN coalesce(budget.raise_amount, 0) ELSE 0 END
$$;
