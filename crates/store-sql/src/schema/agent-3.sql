-- What operators change by hand, and why replies are not sent.

ALTER TABLE answers ADD COLUMN cause TEXT; -- of the last failure since the last step; null: none
ALTER TABLE answers ADD COLUMN failing_since INTEGER;
CREATE INDEX answers_stuck ON answers (key) WHERE sealed IS NOT NULL;

CREATE TABLE interventions (
    number        INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of writing
    at            INTEGER NOT NULL,
    who           TEXT NOT NULL,
    command       TEXT NOT NULL,
    reason        TEXT,
    submission_id BLOB NOT NULL CHECK (length(submission_id) = 16),
    answer        TEXT, -- key of a reply; null: the submission itself
    before        TEXT NOT NULL,
    after         TEXT NOT NULL
) STRICT;
CREATE INDEX interventions_of ON interventions (submission_id, number);
