-- Version 2: several gateways over one database; the chain over the event log. A leaf outlives its event; blocks and leaves are
-- only ever added.

-- What gateways over one database must have in common. The row of one that has ended stays, so that the next one is compared.
CREATE TABLE gateways (
    instance text COLLATE "C" PRIMARY KEY,
    body     text NOT NULL, -- JSON
    until    timestamptz NOT NULL -- when it ends if it is not renewed, by the server's clock
);

CREATE TABLE blocks (
    number    bigint PRIMARY KEY CHECK (number > 0),
    previous  bytea NOT NULL CHECK (length(previous) = 32),
    first     bigint NOT NULL UNIQUE CHECK (first >= 0), -- position of its first leaf
    count     bigint NOT NULL CHECK (count > 0),
    root      bytea NOT NULL CHECK (length(root) = 32),
    at        bigint NOT NULL,
    signature text NOT NULL
);

CREATE TABLE leaves (
    position     bigint PRIMARY KEY CHECK (position >= 0),
    event_number bigint NOT NULL UNIQUE, -- of events; grows with position within a case
    event_id     uuid NOT NULL UNIQUE,
    case_id      uuid NOT NULL,
    at           bigint NOT NULL, -- of the event
    digest       bytea NOT NULL CHECK (length(digest) = 32)
);
CREATE INDEX leaves_of_case ON leaves (case_id, position);

-- Events that are in no block yet. Numbers are given before a transaction commits, so a smaller one may appear later:
-- "everything behind the last leaf" would miss it.
CREATE TABLE unsealed (
    number bigint PRIMARY KEY -- of events
);
INSERT INTO unsealed (number) SELECT number FROM events;
