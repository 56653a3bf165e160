-- Version 6: answers under keys that senders choose, thus in no order, lie one behind the other, and only a narrow index is in the order
-- of their keys: before, each new one had a page of its own among all. Their sums stay right.

CREATE TABLE remembered_2 (
    client      TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    answer      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    sum         BLOB,
    UNIQUE (client, key)
) STRICT;
INSERT INTO remembered_2 (client, key, fingerprint, answer, at, sum)
    SELECT client, key, fingerprint, answer, at, sum FROM remembered;
DROP TABLE remembered;
ALTER TABLE remembered_2 RENAME TO remembered;
CREATE INDEX remembered_by_age ON remembered (at);
