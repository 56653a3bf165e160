-- The uplink's database, version 1. Ids are the 16 bytes of their UUID, moments are milliseconds since 1970 UTC.

CREATE TABLE relays (
    submission_id BLOB PRIMARY KEY NOT NULL CHECK (length(submission_id) = 16),
    uplink        TEXT NOT NULL,
    noted_at      INTEGER NOT NULL,
    state         TEXT NOT NULL,
    due_at        INTEGER, -- null: it is over
    body          TEXT NOT NULL, -- JSON: the state with what it owns
    log           TEXT NOT NULL, -- JSON: the foreign service's signed events, oldest first
    revision      INTEGER NOT NULL CHECK (revision > 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX relays_due ON relays (due_at, submission_id) WHERE due_at IS NOT NULL;
