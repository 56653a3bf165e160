-- Version 5: the chain over the event log. A leaf outlives its event; both are only ever added.

CREATE TABLE blocks (
    number    INTEGER PRIMARY KEY NOT NULL CHECK (number > 0),
    previous  BLOB NOT NULL CHECK (length(previous) = 32),
    first     INTEGER NOT NULL UNIQUE CHECK (first >= 0), -- position of its first leaf
    count     INTEGER NOT NULL CHECK (count > 0),
    root      BLOB NOT NULL CHECK (length(root) = 32),
    at        INTEGER NOT NULL,
    signature TEXT NOT NULL
) STRICT;

CREATE TABLE leaves (
    position     INTEGER PRIMARY KEY NOT NULL CHECK (position >= 0),
    event_number INTEGER NOT NULL UNIQUE, -- of events; grows with position
    event_id     BLOB NOT NULL UNIQUE CHECK (length(event_id) = 16),
    case_id      BLOB NOT NULL CHECK (length(case_id) = 16),
    at           INTEGER NOT NULL, -- of the event
    digest       BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;
CREATE INDEX leaves_of_case ON leaves (case_id);
