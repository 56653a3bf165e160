-- Version 3: reminders and their mails, cases that have been quiet, the deadlines' last round.

ALTER TABLE submissions ADD COLUMN reminded INTEGER NOT NULL DEFAULT 0 CHECK (reminded >= 0); -- so often
CREATE INDEX submissions_unreminded ON submissions (reminded, since, id) WHERE state = 'submitted';

ALTER TABLE cases ADD COLUMN last_at INTEGER NOT NULL DEFAULT 0; -- its last event, or its opening
UPDATE cases SET last_at = coalesce((SELECT max(at) FROM events WHERE events.case_id = cases.id), opened_at);
CREATE INDEX cases_quiet ON cases (last_at, id);

CREATE INDEX remembered_by_age ON remembered (at);

ALTER TABLE outbox ADD COLUMN made_at INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET made_at = due_at;
CREATE INDEX outbox_of_subject ON outbox (subject_id);

CREATE TABLE mails (
    number         INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of writing
    id             BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    destination_id BLOB NOT NULL CHECK (length(destination_id) = 16),
    recipient      TEXT NOT NULL,
    subject        TEXT NOT NULL,
    body           TEXT NOT NULL,
    made_at        INTEGER NOT NULL,
    tries          INTEGER NOT NULL CHECK (tries >= 0),
    due_at         INTEGER NOT NULL
) STRICT;
CREATE INDEX mails_due ON mails (due_at, number);

CREATE TABLE marks (
    name TEXT PRIMARY KEY NOT NULL,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
