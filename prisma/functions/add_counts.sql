-- Adds to a stored sum of tokens or requests. It stays within 4 * 10^18, where one event, of at
-- most 10^12, can be added without an overflow: recording never fails for the size of a sum.
-- Answers end at 2^53-1, long before. It is inlined, so it costs what its expression costs.
CREATE OR REPLACE FUNCTION add_counts(kept bigint, added bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT least(greatest(kept + added, -4000000000000000000), 4000000000000000000)
$$;
