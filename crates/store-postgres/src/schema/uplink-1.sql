-- The uplinks' tables, version 1. Moments are milliseconds since 1970 UTC.

CREATE TABLE relays (
    submission_id uuid PRIMARY KEY,
    uplink        text NOT NULL,
    noted_at      bigint NOT NULL,
    state         text NOT NULL,
    due_at        bigint, -- null: it is over
    body          text NOT NULL, -- JSON: the state with what it owns
    log           text NOT NULL, -- JSON: the foreign service's signed events, oldest first
    revision      bigint NOT NULL CHECK (revision > 0)
);
CREATE INDEX relays_due ON relays (due_at, submission_id) WHERE due_at IS NOT NULL;
