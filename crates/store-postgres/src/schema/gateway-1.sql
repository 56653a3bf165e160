-- The gateway's tables, version 1. Moments are milliseconds since 1970 UTC. Text that an index holds is ordered by its bytes, so
-- that no update of the system's collations can break an index.

CREATE TABLE destinations (
    id         uuid PRIMARY KEY,
    owner      text COLLATE "C" NOT NULL,
    status     text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    body       text NOT NULL -- JSON: what no query looks for; with the callback's secret
);
CREATE INDEX destinations_all ON destinations (created_at, id);
CREATE INDEX destinations_owned ON destinations (owner, created_at, id);

-- Derived from destinations.body: who offers which service.
CREATE TABLE offers (
    service        text COLLATE "C" NOT NULL,
    destination_id uuid NOT NULL REFERENCES destinations (id) ON DELETE CASCADE,
    PRIMARY KEY (service, destination_id)
);
CREATE INDEX offers_of_destination ON offers (destination_id);

-- Not bound to destinations: a key may be written before its destination, in one batch.
CREATE TABLE keys (
    number         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    destination_id uuid NOT NULL,
    kid            text COLLATE "C" NOT NULL,
    jwk            text NOT NULL,
    added_at       bigint NOT NULL,
    UNIQUE (destination_id, kid)
);

CREATE TABLE cases (
    id             uuid PRIMARY KEY,
    destination_id uuid NOT NULL,
    sender         text COLLATE "C" NOT NULL, -- who opened it
    opened_at      bigint NOT NULL,
    last_at        bigint NOT NULL -- its last event, or its opening
);
CREATE INDEX cases_of_sender ON cases (sender, opened_at, id);
CREATE INDEX cases_of_destination ON cases (destination_id, opened_at, id);
CREATE INDEX cases_quiet ON cases (last_at, id);

CREATE TABLE submissions (
    id              uuid PRIMARY KEY,
    case_id         uuid NOT NULL REFERENCES cases (id),
    destination_id  uuid NOT NULL REFERENCES destinations (id),
    sender          text COLLATE "C" NOT NULL,
    service         text COLLATE "C" NOT NULL,
    service_name    text, -- JSON string: a sender may put any character into it
    region          text COLLATE "C",
    state           text COLLATE "C" NOT NULL,
    since           bigint NOT NULL, -- in this state
    reminded        bigint NOT NULL DEFAULT 0 CHECK (reminded >= 0), -- so often
    announced       uuid[] NOT NULL, -- attachment ids, in the sender's order
    callback_url    text,
    callback_secret text,
    created_at      bigint NOT NULL,
    submitted_at    bigint,
    listed_at       bigint NOT NULL GENERATED ALWAYS AS (coalesce(submitted_at, created_at)) STORED
);
CREATE INDEX submissions_for_pickup ON submissions (destination_id, listed_at, id) WHERE state = 'submitted';
CREATE INDEX submissions_unreminded ON submissions (reminded, since, id) WHERE state = 'submitted';
CREATE INDEX submissions_of_destination ON submissions (destination_id);
CREATE INDEX submissions_of_case ON submissions (case_id, listed_at, id);
CREATE INDEX submissions_stale ON submissions (state, since, id);

CREATE TABLE replies (
    id             uuid PRIMARY KEY,
    case_id        uuid NOT NULL REFERENCES cases (id),
    destination_id uuid NOT NULL,
    receiver       text COLLATE "C" NOT NULL,
    state          text COLLATE "C" NOT NULL,
    since          bigint NOT NULL, -- in this state
    announced      uuid[] NOT NULL, -- attachment ids, in the sender's order
    created_at     bigint NOT NULL,
    submitted_at   bigint,
    listed_at      bigint NOT NULL GENERATED ALWAYS AS (coalesce(submitted_at, created_at)) STORED
);
CREATE INDEX replies_for_pickup ON replies (receiver, listed_at, id) WHERE state = 'submitted';
CREATE INDEX replies_of_case ON replies (case_id, listed_at, id);
CREATE INDEX replies_stale ON replies (state, since, id);

-- Of a submission or a reply; both have ids that are never used twice.
CREATE TABLE attachments (
    subject_id uuid NOT NULL,
    id         uuid NOT NULL,
    blob       text COLLATE "C" NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    tag        text NOT NULL,
    PRIMARY KEY (subject_id, id)
);
CREATE INDEX attachments_by_blob ON attachments (blob);

-- The sealed parts: compact JWEs, which nothing compresses.
CREATE TABLE contents (
    subject_id uuid PRIMARY KEY,
    metadata   text NOT NULL,
    data       text
);
ALTER TABLE contents ALTER COLUMN metadata SET STORAGE EXTERNAL, ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE events (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of writing within a case
    id         uuid NOT NULL UNIQUE,
    case_id    uuid NOT NULL,
    subject    text COLLATE "C" NOT NULL CHECK (subject IN ('submission', 'reply')),
    subject_id uuid NOT NULL,
    name       text NOT NULL,
    issuer     text COLLATE "C" NOT NULL CHECK (issuer IN ('service', 'subscriber')),
    at         bigint NOT NULL,
    token      text NOT NULL
);
ALTER TABLE events ALTER COLUMN token SET STORAGE EXTERNAL;
CREATE INDEX events_of_case ON events (case_id, number);
CREATE INDEX events_of_subject ON events (subject_id, number);

CREATE TABLE remembered (
    client      text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    fingerprint text NOT NULL,
    answer      text NOT NULL,
    at          bigint NOT NULL,
    PRIMARY KEY (client, key)
);
CREATE INDEX remembered_by_age ON remembered (at);

CREATE TABLE outbox (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of writing
    id         uuid NOT NULL UNIQUE,
    subject    text COLLATE "C" NOT NULL CHECK (subject IN ('submission', 'reply')),
    subject_id uuid NOT NULL,
    url        text NOT NULL,
    secret     text NOT NULL,
    body       text NOT NULL,
    made_at    bigint NOT NULL,
    tries      bigint NOT NULL CHECK (tries >= 0),
    due_at     bigint NOT NULL -- of one that is being sent: when its sender's claim ends
);
CREATE INDEX outbox_due ON outbox (due_at, number);
CREATE INDEX outbox_of_subject ON outbox (subject_id);

CREATE TABLE mails (
    number         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of writing
    id             uuid NOT NULL UNIQUE,
    destination_id uuid NOT NULL,
    recipient      text NOT NULL,
    subject        text NOT NULL, -- JSON string, as the next
    body           text NOT NULL,
    made_at        bigint NOT NULL,
    tries          bigint NOT NULL CHECK (tries >= 0),
    due_at         bigint NOT NULL -- of one that is being sent: when its sender's claim ends
);
CREATE INDEX mails_due ON mails (due_at, number);

CREATE TABLE marks (
    name text COLLATE "C" PRIMARY KEY,
    at   bigint NOT NULL
);

CREATE TABLE leases (
    name  text COLLATE "C" PRIMARY KEY,
    owner text NOT NULL,
    until bigint NOT NULL
);
