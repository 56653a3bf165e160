-- The way back: what answers of procedures are matched by, and the replies made of them until they are sent.

CREATE TABLE ways_back (
    submission_id  BLOB PRIMARY KEY NOT NULL CHECK (length(submission_id) = 16),
    case_id        BLOB NOT NULL CHECK (length(case_id) = 16),
    destination_id BLOB NOT NULL CHECK (length(destination_id) = 16),
    package        TEXT NOT NULL,
    channel        TEXT, -- JSON: public key and standards; null: no reply through FIT-Connect is wanted
    noted_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE way_names ( -- ids, and hashes of file numbers
    name          TEXT NOT NULL,
    submission_id BLOB NOT NULL REFERENCES ways_back (submission_id),
    PRIMARY KEY (name, submission_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE answers (
    key           TEXT PRIMARY KEY NOT NULL, -- a hash: the same for the same answer
    submission_id BLOB NOT NULL REFERENCES ways_back (submission_id),
    what          TEXT NOT NULL,
    sealed        TEXT, -- JSON of compact JWEs; null once nothing is left to be sent
    state         TEXT NOT NULL,
    reply_id      BLOB CHECK (length(reply_id) = 16),
    tries         INTEGER NOT NULL CHECK (tries >= 0),
    due_at        INTEGER, -- null: over
    at            INTEGER NOT NULL,
    revision      INTEGER NOT NULL CHECK (revision > 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_due ON answers (due_at, key) WHERE due_at IS NOT NULL;
CREATE INDEX answers_of ON answers (submission_id, key);
