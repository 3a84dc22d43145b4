-- The smallest value, in the form of a UUIDv7, of a moment. As the ids of events are UUIDv7 of
-- their own time, a range of time is a range of ids.
CREATE OR REPLACE FUNCTION uuid_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT encode(substring(int8send((extract(epoch FROM at) * 1000)::bigint) FROM 3)
    || '\x00000000000000000000'::bytea, 'hex')::uuid
$$;
