-- Sums of rows: 16 bytes of SHA-256 over the table's name and the row's columns. Triggers write them for sessions of this program, which are
-- known by their name, also of a version that knows nothing of sums; whatever else changes a row leaves a wrong sum behind.
-- A row with a wrong one keeps it through updates. Columns that are null do not count, so that a later version can add some.

CREATE TABLE sums (
    since timestamptz NOT NULL -- from when on every row has one; none: rows of before are not done yet
);

-- Generated columns do not count: they are not there yet when a trigger looks, and follow from others.
CREATE FUNCTION row_sum(place text, line jsonb) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT substring(sha256(convert_to(place || ' ' || jsonb_strip_nulls(line - 'sum' - 'listed_at')::text, 'UTF8')) FROM 1 FOR 16)
$$;

CREATE FUNCTION is_whole(place text, sum bytea, line jsonb) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN sum IS NULL THEN NOT EXISTS (SELECT 1 FROM sums) ELSE sum = row_sum(place, line) END
$$;

CREATE FUNCTION keep_sum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.sum := row_sum(TG_TABLE_NAME, to_jsonb(NEW));
    ELSIF OLD.sum = row_sum(TG_TABLE_NAME, to_jsonb(OLD)) THEN
        NEW.sum := row_sum(TG_TABLE_NAME, to_jsonb(NEW));
    END IF;
    RETURN NEW;
END
$$;
