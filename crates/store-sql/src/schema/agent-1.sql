-- The agent's database, version 1. Ids are the 16 bytes of their UUID, moments are milliseconds since 1970 UTC.

CREATE TABLE deliveries (
    submission_id  BLOB PRIMARY KEY NOT NULL CHECK (length(submission_id) = 16),
    case_id        BLOB NOT NULL CHECK (length(case_id) = 16),
    destination_id BLOB NOT NULL CHECK (length(destination_id) = 16),
    noted_at       INTEGER NOT NULL,
    state          TEXT NOT NULL,
    due_at         INTEGER, -- null: a person must act, or it is over
    body           TEXT NOT NULL, -- JSON: the state with what it owns
    revision       INTEGER NOT NULL CHECK (revision > 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (due_at, submission_id) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_in_state ON deliveries (state, noted_at, submission_id);
