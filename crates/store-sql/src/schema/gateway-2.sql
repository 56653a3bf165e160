-- Version 2: replies. Sealed parts, attachments, events and callbacks belong to a submission or a reply; both have ids that
-- are never used twice.

ALTER TABLE cases ADD COLUMN sender TEXT NOT NULL DEFAULT ''; -- who opened it
UPDATE cases SET sender = coalesce(
    (SELECT sender FROM submissions WHERE case_id = cases.id ORDER BY created_at, id LIMIT 1), '');
CREATE INDEX cases_of_sender ON cases (sender, opened_at, id);
CREATE INDEX cases_of_destination ON cases (destination_id, opened_at, id);

CREATE TABLE replies (
    id             BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    case_id        BLOB NOT NULL REFERENCES cases (id),
    destination_id BLOB NOT NULL CHECK (length(destination_id) = 16),
    receiver       TEXT NOT NULL,
    state          TEXT NOT NULL,
    since          INTEGER NOT NULL, -- in this state
    announced      BLOB NOT NULL CHECK (length(announced) % 16 = 0), -- attachment ids, one after the other
    created_at     INTEGER NOT NULL,
    submitted_at   INTEGER,
    listed_at      INTEGER NOT NULL AS (coalesce(submitted_at, created_at)) VIRTUAL
) STRICT;
CREATE INDEX replies_for_pickup ON replies (receiver, listed_at, id) WHERE state = 'submitted';
CREATE INDEX replies_of_case ON replies (case_id, listed_at, id);
CREATE INDEX replies_stale ON replies (state, since, id);

CREATE TABLE attachments_2 (
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    id         BLOB NOT NULL CHECK (length(id) = 16),
    blob       TEXT NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    tag        TEXT NOT NULL,
    PRIMARY KEY (subject_id, id)
) STRICT, WITHOUT ROWID;
INSERT INTO attachments_2 (subject_id, id, blob, size_bytes, tag)
    SELECT submission_id, id, blob, size_bytes, tag FROM attachments;
DROP TABLE attachments;
ALTER TABLE attachments_2 RENAME TO attachments;
CREATE INDEX attachments_by_blob ON attachments (blob);

CREATE TABLE contents_2 (
    subject_id BLOB PRIMARY KEY NOT NULL CHECK (length(subject_id) = 16),
    metadata   TEXT NOT NULL,
    data       TEXT
) STRICT;
INSERT INTO contents_2 (subject_id, metadata, data) SELECT submission_id, metadata, data FROM contents;
DROP TABLE contents;
ALTER TABLE contents_2 RENAME TO contents;

ALTER TABLE events RENAME COLUMN submission_id TO subject_id;
ALTER TABLE events ADD COLUMN subject TEXT NOT NULL DEFAULT 'submission' CHECK (subject IN ('submission', 'reply'));
DROP INDEX events_of_submission;
CREATE INDEX events_of_subject ON events (subject_id, number);

ALTER TABLE outbox RENAME COLUMN submission_id TO subject_id;
ALTER TABLE outbox ADD COLUMN subject TEXT NOT NULL DEFAULT 'submission' CHECK (subject IN ('submission', 'reply'));
