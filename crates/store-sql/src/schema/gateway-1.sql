-- The gateway's database, version 1. Ids are the 16 bytes of their UUID, moments are milliseconds since 1970 UTC.

CREATE TABLE destinations (
    id         BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    owner      TEXT NOT NULL,
    status     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    body       TEXT NOT NULL -- JSON: what no query looks for; with the callback's secret
) STRICT;
CREATE INDEX destinations_all ON destinations (created_at, id);
CREATE INDEX destinations_owned ON destinations (owner, created_at, id);

-- Derived from destinations.body: who offers which service.
CREATE TABLE offers (
    service        TEXT NOT NULL,
    destination_id BLOB NOT NULL REFERENCES destinations (id) ON DELETE CASCADE,
    PRIMARY KEY (service, destination_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX offers_of_destination ON offers (destination_id);

-- Not bound to destinations: a key may be written before its destination, in one batch.
CREATE TABLE keys (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    destination_id BLOB NOT NULL CHECK (length(destination_id) = 16),
    kid            TEXT NOT NULL,
    jwk            TEXT NOT NULL,
    added_at       INTEGER NOT NULL,
    UNIQUE (destination_id, kid)
) STRICT;

CREATE TABLE cases (
    id             BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    destination_id BLOB NOT NULL CHECK (length(destination_id) = 16),
    opened_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE submissions (
    id              BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    case_id         BLOB NOT NULL REFERENCES cases (id),
    destination_id  BLOB NOT NULL REFERENCES destinations (id),
    sender          TEXT NOT NULL,
    service         TEXT NOT NULL,
    service_name    TEXT,
    region          TEXT,
    state           TEXT NOT NULL,
    since           INTEGER NOT NULL, -- in this state
    announced       BLOB NOT NULL CHECK (length(announced) % 16 = 0), -- attachment ids, one after the other
    callback_url    TEXT,
    callback_secret TEXT,
    created_at      INTEGER NOT NULL,
    submitted_at    INTEGER,
    listed_at       INTEGER NOT NULL AS (coalesce(submitted_at, created_at)) VIRTUAL
) STRICT;
CREATE INDEX submissions_for_pickup ON submissions (destination_id, listed_at, id) WHERE state = 'submitted';
CREATE INDEX submissions_of_destination ON submissions (destination_id);
CREATE INDEX submissions_of_case ON submissions (case_id, listed_at, id);
CREATE INDEX submissions_stale ON submissions (state, since, id);

CREATE TABLE attachments (
    submission_id BLOB NOT NULL REFERENCES submissions (id),
    id            BLOB NOT NULL CHECK (length(id) = 16),
    blob          TEXT NOT NULL,
    size_bytes    INTEGER NOT NULL CHECK (size_bytes >= 0),
    tag           TEXT NOT NULL,
    PRIMARY KEY (submission_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attachments_by_blob ON attachments (blob);

-- The sealed parts: compact JWEs.
CREATE TABLE contents (
    submission_id BLOB PRIMARY KEY NOT NULL REFERENCES submissions (id),
    metadata      TEXT NOT NULL,
    data          TEXT
) STRICT;

CREATE TABLE events (
    number        INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of writing
    id            BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    case_id       BLOB NOT NULL CHECK (length(case_id) = 16),
    submission_id BLOB NOT NULL CHECK (length(submission_id) = 16),
    name          TEXT NOT NULL,
    issuer        TEXT NOT NULL CHECK (issuer IN ('service', 'subscriber')),
    at            INTEGER NOT NULL,
    token         TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_case ON events (case_id, number);
CREATE INDEX events_of_submission ON events (submission_id, number);

CREATE TABLE remembered (
    client      TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    answer      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (client, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    number        INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of writing
    id            BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    submission_id BLOB NOT NULL CHECK (length(submission_id) = 16),
    url           TEXT NOT NULL,
    secret        TEXT NOT NULL,
    body          TEXT NOT NULL,
    tries         INTEGER NOT NULL CHECK (tries >= 0),
    due_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at, number);
