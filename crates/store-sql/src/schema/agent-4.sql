-- Claims: who holds a delivery, what goes wrong with it, and indexes by which a claim's cost does not grow with what is
-- stored. What is held is held until due_at, which renewals move without touching the body.

ALTER TABLE deliveries ADD COLUMN held_by BLOB CHECK (length(held_by) = 16); -- a worker: one life of one process
ALTER TABLE deliveries ADD COLUMN suspect INTEGER NOT NULL DEFAULT 0 CHECK (suspect IN (0, 1)); -- a worker died with it
ALTER TABLE deliveries ADD COLUMN cause TEXT; -- null: nothing goes wrong
ALTER TABLE deliveries ADD COLUMN failing_since INTEGER;
ALTER TABLE deliveries ADD COLUMN failed_at INTEGER;
UPDATE deliveries SET cause = json_extract(body, '$.cause'), failing_since = json_extract(body, '$.since'),
    failed_at = json_extract(body, '$.since') WHERE state = 'parked';
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due_at ON deliveries (destination_id, state, suspect, due_at, submission_id) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_as_noted ON deliveries (destination_id, noted_at, submission_id) WHERE state IN ('waiting', 'leased');
CREATE INDEX deliveries_open ON deliveries (destination_id, state, cause, noted_at, failing_since, failed_at) WHERE state <> 'done';
