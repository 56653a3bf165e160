-- The agents' tables, version 1. Moments are milliseconds since 1970 UTC. `service` is the name of the delivery service in the
-- settings: ids of two services have nothing to do with each other.

CREATE TABLE deliveries (
    service        text COLLATE "C" NOT NULL,
    submission_id  uuid NOT NULL,
    case_id        uuid NOT NULL,
    destination_id uuid NOT NULL,
    noted_at       bigint NOT NULL,
    state          text COLLATE "C" NOT NULL,
    due_at         bigint, -- null: a person must act, or it is over; of one that is held: the end of its lease
    held_by        uuid, -- a worker: one life of one process
    suspect        boolean NOT NULL DEFAULT false, -- a worker died with it
    cause          text COLLATE "C", -- null: nothing goes wrong
    failing_since  bigint,
    failed_at      bigint,
    body           text NOT NULL, -- JSON: the state with what it owns; the end of a lease stands in due_at
    revision       bigint NOT NULL CHECK (revision > 0),
    PRIMARY KEY (service, submission_id)
);
CREATE INDEX deliveries_due_at ON deliveries (service, destination_id, state, suspect, due_at, submission_id)
    WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_as_noted ON deliveries (service, destination_id, noted_at, submission_id)
    WHERE state IN ('waiting', 'leased');
CREATE INDEX deliveries_in_state ON deliveries (service, state, noted_at, submission_id);
CREATE INDEX deliveries_open ON deliveries (service, noted_at, submission_id) WHERE state <> 'done';

-- How fast destinations take deliveries: when the bucket of permits is full again.
CREATE TABLE paces (
    service        text COLLATE "C" NOT NULL,
    destination_id uuid NOT NULL,
    full_at        bigint NOT NULL,
    PRIMARY KEY (service, destination_id)
);

CREATE TABLE ways_back (
    service        text COLLATE "C" NOT NULL,
    submission_id  uuid NOT NULL,
    case_id        uuid NOT NULL,
    destination_id uuid NOT NULL,
    package        text NOT NULL,
    channel        text, -- JSON: public key and standards; null: no reply through FIT-Connect is wanted
    noted_at       bigint NOT NULL,
    PRIMARY KEY (service, submission_id)
);

CREATE TABLE way_names ( -- ids, and hashes of file numbers
    service       text COLLATE "C" NOT NULL,
    name          text COLLATE "C" NOT NULL,
    submission_id uuid NOT NULL,
    PRIMARY KEY (service, name, submission_id),
    FOREIGN KEY (service, submission_id) REFERENCES ways_back
);

CREATE TABLE answers (
    service       text COLLATE "C" NOT NULL,
    key           text COLLATE "C" NOT NULL, -- a hash: the same for the same answer
    submission_id uuid NOT NULL,
    what          text NOT NULL,
    sealed        text, -- JSON of compact JWEs; null once nothing is left to be sent
    state         text COLLATE "C" NOT NULL,
    reply_id      uuid,
    tries         bigint NOT NULL CHECK (tries >= 0),
    due_at        bigint, -- null: over
    at            bigint NOT NULL,
    cause         text COLLATE "C", -- of the last failure since the last step; null: none
    failing_since bigint,
    revision      bigint NOT NULL CHECK (revision > 0),
    PRIMARY KEY (service, key),
    FOREIGN KEY (service, submission_id) REFERENCES ways_back
);
CREATE INDEX answers_due ON answers (service, due_at, key) WHERE due_at IS NOT NULL;
CREATE INDEX answers_of ON answers (service, submission_id, key);
CREATE INDEX answers_stuck ON answers (service, key) WHERE sealed IS NOT NULL;

CREATE TABLE interventions (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of writing
    service       text COLLATE "C" NOT NULL,
    at            bigint NOT NULL,
    who           text NOT NULL,
    command       text NOT NULL,
    reason        text,
    submission_id uuid NOT NULL,
    answer        text, -- key of a reply; null: the submission itself
    before        text NOT NULL,
    after         text NOT NULL
);
CREATE INDEX interventions_of ON interventions (service, submission_id, number);

CREATE TABLE leases (
    name  text COLLATE "C" PRIMARY KEY,
    owner text NOT NULL,
    until bigint NOT NULL
);

-- What only makes sense if all agents see the same one, such as a folder: the mark that the first one found there.
CREATE TABLE places (
    name text COLLATE "C" PRIMARY KEY,
    mark text NOT NULL
);
