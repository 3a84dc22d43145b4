-- Refuses whatever would change or remove rows of an append-only table, also to the table's owner
-- and in a session that replicates: its triggers are always enabled. What may be stored twice is
-- inserted with ON CONFLICT DO NOTHING.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
